import { expect, test } from 'vitest'
import { refusalReasons } from '../verification/refusal-reason.ts'
import { en } from './en.ts'
import { languageOf } from './i18n.ts'
import { zhCn } from './zh-cn.ts'

/** Every text of a catalogue by its key. */
function textsOf(catalogue: object, path = ''): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(catalogue).flatMap(([name, value]) =>
      typeof value === 'string'
        ? [[`${path}${name}`, value] as const]
        : [...textsOf(value as object, `${path}${name}.`)],
    ),
  )
}

const english = textsOf(en)
const chinese = textsOf(zhCn)

test('both languages have the same keys', () => {
  expect(english.size).toBeGreaterThan(250)
  expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort())
})

test('no text is empty', () => {
  for (const texts of [english, chinese])
    for (const [key, text] of texts) expect(text.trim(), key).not.toBe('')
})

test('a text has the same values to fill in, whatever its language', () => {
  const gaps = (text: string | undefined): readonly string[] =>
    (text?.match(/\{\{\w+\}\}/g) ?? []).sort()
  for (const [key, text] of english) expect(gaps(chinese.get(key)), key).toEqual(gaps(text))
})

test('Chinese texts are in Chinese', () => {
  const inLatin = [...chinese].filter(([, text]) => !/\p{Script=Han}/u.test(text))
  expect(inLatin.map(([key]) => key)).toEqual(['film.fact.sha256', 'sign.signedBy'])
})

test('every reason of a refusal has its words', () => {
  expect(Object.keys(en.refusal.reason).sort()).toEqual([...refusalReasons].sort())
})

test('the first language that is wished for and known is taken', () => {
  expect(languageOf(['de-DE', 'zh-TW', 'en'])).toBe('zh-CN')
  expect(languageOf(['', 'en-GB', 'zh'])).toBe('en')
  expect(languageOf(['fr'])).toBe('en')
})
