import { expect, test } from 'vitest'
import { PlatformError } from '../sealed-channel/platform.ts'
import { mayBeErased, mayEraseAgain, outcomeOf } from './erasure-outcome.ts'

const error = (code: string, status?: number): PlatformError =>
  new PlatformError({ code, at: 'x', detail: 'x', ...(status !== undefined && { status }) })

test('where no answer came, or the platform could not confirm, the patient may be erased', () => {
  for (const each of [
    error('unavailable'),
    error('truncated'),
    error('replayed'),
    error('store-unavailable', 503),
    error('anchor-behind', 503),
    error('anchor-unavailable', 503),
    error('http-502', 502),
    error('answer-malformed', 200),
    new Error('anything'),
  ]) {
    expect([outcomeOf(each), mayEraseAgain(each)], each.message).toEqual(['unknown', true])
  }
})

test('what was refused was not done', () => {
  for (const each of [
    error('reason-missing', 422),
    error('not-found', 404),
    error('overloaded', 429),
    error('not-verified'),
  ]) {
    expect([outcomeOf(each), mayEraseAgain(each)], each.message).toEqual(['not-erased', true])
  }
})

test('whoever has lost the role is not told to try again, nor is anybody where the record was tampered with', () => {
  for (const each of [
    error('role-insufficient', 403),
    error('role-missing', 403),
    error('record-refused', 500),
  ]) {
    expect([outcomeOf(each), mayEraseAgain(each)], each.message).toEqual(['not-erased', false])
  }
})

test('a session that has ended is told apart: one signs in again, and sends it again', () => {
  for (const code of ['token-expired', 'token-refused', 'signed-out']) {
    expect([outcomeOf(error(code, 401)), mayEraseAgain(error(code, 401))]).toEqual([
      'session-ended',
      true,
    ])
  }
})

test('a refusal does not take back what an earlier try may have done', () => {
  const refused = [error('token-expired', 401), error('role-insufficient', 403)]
  for (const each of refused) {
    expect([mayBeErased(false, each), mayBeErased(true, each)]).toEqual([false, true])
  }
  expect(mayBeErased(false, error('unavailable'))).toBe(true)
})
