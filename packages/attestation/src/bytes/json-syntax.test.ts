import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonProblem } from './json-syntax.ts'

/** What the engine says; run on small text only, and never on what strangers made. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('whatever can be written as JSON is JSON', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      const problem = jsonProblem(text, 32)
      expect(problem === undefined || problem.code === 'json-duplicate-key').toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ['', false],
  [' 1 ', true],
  ['01', false],
  ['-', false],
  ['-0', true],
  ['1.', false],
  ['.5', false],
  ['1e', false],
  ['1e+5', true],
  ['1E-5', true],
  ['1 2', false],
  ['tru', false],
  ['true', true],
  ['truefalse', false],
  ['null', true],
  ['"', false],
  ['"\\"', false],
  ['"\\x"', false],
  ['"\\u12"', false],
  ['"\\u1234"', true],
  ['"a\nb"', false],
  ['[]', true],
  ['[1,]', false],
  ['[,1]', false],
  ['[1 2]', false],
  ['[', false],
  [']', false],
  ['[}', false],
  ['{]', false],
  ['{}', true],
  ['{"a"}', false],
  ['{"a":}', false],
  ['{"a":1,}', false],
  ['{a:1}', false],
  ['{"a":1 "b":2}', false],
  ['{"a":{"a":[{"a":1}]}}', true],
  ['{"a":["}":[}', false],
  ['\u00a01', false],
  ['\ufeff1', false],
])('%j: %s', (text, outcome) => {
  expect(jsonProblem(text, 32) === undefined).toBe(outcome)
  expect(isJson(text)).toBe(outcome)
})

test('every change of a character is judged as the engine judges it', () => {
  const text = '{"a":[1,-2.5e3,"x\\u0041",true,null],"b":{"c":{}},"d":""}'
  const characters = ['"', '{', '}', '[', ']', ',', ':', '0', '-', '.', 'e', '\\', ' ', 'n', '']
  let examined = 0
  for (let at = 0; at <= text.length; at++) {
    for (const character of characters) {
      for (const removed of [0, 1]) {
        const changed = text.slice(0, at) + character + text.slice(at + removed)
        const problem = jsonProblem(changed, 32)
        if (problem?.code === 'json-duplicate-key') continue
        expect({ changed, isJson: problem === undefined }).toEqual({
          changed,
          isJson: isJson(changed),
        })
        examined += 1
      }
    }
  }
  expect(examined).toBeGreaterThan(1500)
})

test('one spelling of a name is as good as another', () => {
  expect(jsonProblem('{"a":1,"\\u0061":2}', 8)).toMatchObject({ code: 'json-duplicate-key' })
})

test('nesting is counted', () => {
  expect(jsonProblem('[[[]]]', 3)).toBe(undefined)
  expect(jsonProblem('[[[]]]', 2)).toMatchObject({ code: 'json-too-deep', at: '@0x2' })
})
