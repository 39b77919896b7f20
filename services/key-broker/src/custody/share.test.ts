import { systemRandom } from '@sealward/enclave/server'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseShare, type Share, shareText } from './share.ts'

const share: Share = {
  set: '0123abcd',
  number: 2,
  threshold: 3,
  shares: 5,
  bytes: systemRandom.bytes(33),
}
const text = shareText(share)

test('a share is twelve groups of seven, and is read as it was written, however it is typed', () => {
  expect(text).toMatch(/^([0-9A-HJKMNP-TV-Z]{7}-){11}[0-9A-HJKMNP-TV-Z]{7}$/)
  const typed = [
    text,
    text.toLowerCase(),
    text.replaceAll('-', ''),
    ` ${text.replaceAll('-', ' \n')} `,
    text.replaceAll('0', 'o').replaceAll('1', 'l'),
    text.replaceAll('1', 'I'),
  ]
  for (const one of typed) expect(parseShare(one)).toEqual({ ok: true, value: share })
})

test('any share is read as it was written', () => {
  const any = fc.record({
    set: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((b) => Buffer.from(b).toString('hex')),
    number: fc.integer({ min: 1, max: 16 }),
    threshold: fc.integer({ min: 2, max: 16 }),
    shares: fc.integer({ min: 2, max: 16 }),
    bytes: fc.uint8Array({ minLength: 33, maxLength: 33 }),
  })
  fc.assert(
    fc.property(any, (one) => {
      expect(parseShare(shareText(one))).toEqual({ ok: true, value: one })
    }),
  )
})

test('every single wrong character is found, and in its group', () => {
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
  let examined = 0
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '-') continue
    for (const other of alphabet) {
      if (other === text[index]) continue
      const wrong = text.slice(0, index) + other + text.slice(index + 1)
      expect(parseShare(wrong)).toMatchObject({
        ok: false,
        problem: { code: 'share-mistyped', at: `group ${Math.floor(index / 8) + 1}` },
      })
      examined++
    }
  }
  expect(examined).toBe(84 * 31)
})

test('two characters, or two groups, that changed places are found', () => {
  for (let index = 0; index + 1 < text.length; index++) {
    const [one, other] = [text[index], text[index + 1]]
    if (one === '-' || other === '-' || one === other) continue
    const wrong = `${text.slice(0, index)}${other}${one}${text.slice(index + 2)}`
    expect(parseShare(wrong)).toMatchObject({ problem: { code: 'share-mistyped' } })
  }
  const groups = text.split('-')
  const swapped = [groups[1], groups[0], ...groups.slice(2)].join('-')
  expect(parseShare(swapped)).toMatchObject({ problem: { code: 'share-mistyped', at: 'group 1' } })
})

test('what is too short, too long, or of other characters is said to be', () => {
  for (const wrong of ['', text.slice(0, -1), `${text}0`, `${text}-U`, 'ä'.repeat(84)]) {
    expect(parseShare(wrong)).toMatchObject({ ok: false, problem: { code: 'share-malformed' } })
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 120 }), (any) => {
      expect(parseShare(any).ok).toBe(false)
    }),
  )
})
