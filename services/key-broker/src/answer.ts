import type { Problem } from '@sealward/attestation/bytes'

/** What a route answers. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** JSON; nothing at all where there is none. */
  readonly body?: object
  /** Why it is a refusal, for the log. */
  readonly problem?: Problem
}

/** Key Vault's error codes, as far as they are used here. */
export type VaultCode =
  | 'BadParameter'
  | 'Conflict'
  | 'Forbidden'
  | 'InternalError'
  | 'KeyNotFound'
  | 'NotFound'
  | 'ServiceUnavailable'
  | 'Throttled'
  | 'Unauthorized'

export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 500 | 503

/**
 * A refusal as Key Vault words it: the code for its clients, and ours inside.
 *
 * @see Azure REST API specifications, Key Vault data plane, `KeyVaultError`
 */
export function vaultRefusal(
  status: RefusalStatus,
  code: VaultCode,
  problem: Problem,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers,
    body: { error: { code, message: problem.detail, innererror: { ...problem } } },
    problem,
  }
}
