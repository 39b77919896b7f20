import { earProfile } from '@sealward/attestation/token'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { resultFormatOf } from './result-format.ts'

const formatOf = (accept: string | undefined): string => {
  const format = resultFormatOf(accept)
  return format.ok ? format.value : format.problem.code
}

test.each([
  [undefined, 'azure'],
  ['', 'azure'],
  ['*/*', 'azure'],
  ['application/json', 'azure'],
  ['application/json, text/plain, */*', 'azure'],
  ['text/html', 'azure'],
  ['application/eat+cwt', 'azure'],
  ['application/eat+jwt', 'application/eat+jwt'],
  ['Application/EAT+JWT', 'application/eat+jwt'],
  ['application/eat-jwt', 'application/eat-jwt'],
  [`application/eat+jwt; eat_profile="${earProfile}"`, 'application/eat+jwt'],
  [`application/eat-jwt;eat_profile="${earProfile}";q=0.5`, 'application/eat-jwt'],
  [`text/plain, application/eat+jwt ; eat_profile="${earProfile}"`, 'application/eat+jwt'],
  ['application/eat+jwt, */*', 'application/eat+jwt'],
  ['application/eat+jwt;q=0.9, application/json;q=0.8', 'application/eat+jwt'],
  ['application/eat+jwt;q=0.8, application/json;q=0.9', 'azure'],
  ['application/eat+jwt;q=0, application/json', 'azure'],
  ['application/eat+jwt;q=0', 'azure'],
  ['application/eat+jwt;q=2', 'azure'],
  ['application/eat+jwt;q=x', 'azure'],
  ['application/eat+jwt; eat_profile="tag:example.org,2026:x"', 'eat-profile-unknown'],
  ['application/eat+jwt; eat_profile="tag:example.org,2026:x", application/json', 'azure'],
])('Accept: %s is %s', (accept, format) => {
  expect(formatOf(accept)).toBe(format)
})

test('no header makes it throw or slow', () => {
  const piece = fc.constantFrom(
    'application/eat+jwt',
    'application/json',
    '"',
    ',',
    ';',
    '=',
    'q=',
    'eat_profile=',
    '\\',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 64 }), (pieces) => {
      resultFormatOf(pieces.join(''))
    }),
  )
  const began = performance.now()
  for (const text of ['"', ',"', ';"', '",', '="']) {
    resultFormatOf(text.repeat(limits.acceptCharactersMax))
  }
  expect(performance.now() - began).toBeLessThan(100)
})
