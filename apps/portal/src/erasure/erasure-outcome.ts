import { PlatformError } from '../sealed-channel/platform.ts'

/**
 * What is known of an erasure that was not confirmed. It may be sent again after any of them: a patient who is erased stays
 * erased, and the platform answers the same.
 */
export type ErasureOutcome =
  /** The platform did not take the session, so nothing was done. */
  | 'session-ended'
  /** The platform refused, or was not asked. */
  | 'not-erased'
  /** No answer came, or one that confirms nothing: the patient may be erased. */
  | 'unknown'

export function outcomeOf(error: unknown): ErasureOutcome {
  if (!(error instanceof PlatformError)) return 'unknown'
  const { code, status } = error.problem
  if (status === 401) return 'session-ended'
  if (undoneCodes.includes(code)) return 'not-erased'
  return status !== undefined && status >= 400 && status < 500 ? 'not-erased' : 'unknown'
}

/**
 * Whether the patient may be erased after one more try that failed: a refusal takes back nothing of an earlier one that nobody
 * answered.
 *
 * @param before what was so before that try.
 */
export function mayBeErased(before: boolean, error: unknown): boolean {
  return before || outcomeOf(error) === 'unknown'
}

/** With these nothing was sent, or all of it was taken back. */
const undoneCodes: readonly string[] = ['not-verified', 'record-refused']

/** Whether there is any use in sending it again as it is. */
export function mayEraseAgain(error: unknown): boolean {
  if (!(error instanceof PlatformError)) return true
  const { code } = error.problem
  return code !== 'role-insufficient' && code !== 'role-missing' && code !== 'record-refused'
}
