import { expect, test } from 'vitest'
import { reasonOf, reasonOfCode, refusalReasons } from './refusal-reason.ts'
import type { Refused } from './verify-platform.ts'

const refused = (code: string): Refused => ({
  kind: 'refused',
  code: code as Refused['code'],
  at: '',
  detail: '',
  check: 'document',
  passed: [],
})

test('every code of a peer problem has a reason, and every reason has a code', () => {
  // That none is left out is held by the type of `reasonOfCode`.
  expect(Object.keys(reasonOfCode).length).toBeGreaterThan(60)
  expect(new Set(Object.values(reasonOfCode))).toEqual(new Set(refusalReasons))
})

test('what the tamper tests do is told apart', () => {
  expect(reasonOf(refused('measurement'))).toBe('changed-software')
  expect(reasonOf(refused('tcb-info-expired'))).toBe('vouching-expired')
  expect(reasonOf(refused('debug'))).toBe('debug')
  expect(reasonOf(refused('nonce-mismatch'))).toBe('not-fresh')
  expect(reasonOf(refused('wrong-deployment'))).toBe('other-deployment')
  expect(reasonOf(refused('simulated'))).toBe('simulated')
})

test('a code of a newer library is still refused, in general words', () => {
  expect(reasonOf(refused('not-invented-yet'))).toBe('unreadable')
})
