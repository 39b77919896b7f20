/**
 * Refusals of the keys API, in Key Vault's form.
 *
 * @module
 */

import type { Problem } from '@sealward/attestation/bytes'
import { type Answer, type RefusalStatus, type VaultCode, vaultRefusal } from '../answer.ts'

/** What a problem is to Key Vault's clients. Whatever is not named is a parameter that is wrong. */
const kinds: Readonly<Record<string, readonly [RefusalStatus, VaultCode]>> = {
  'store-unavailable': [503, 'ServiceUnavailable'],
  'record-refused': [503, 'ServiceUnavailable'],
  'identity-provider-unavailable': [503, 'ServiceUnavailable'],
  'attestation-unavailable': [503, 'ServiceUnavailable'],
  'deny-list-stale': [503, 'ServiceUnavailable'],
  'too-many-requests': [429, 'Throttled'],
  'token-missing': [401, 'Unauthorized'],
  'token-malformed': [401, 'Unauthorized'],
  'token-refused': [401, 'Unauthorized'],
  'token-expired': [401, 'Unauthorized'],
  'role-missing': [403, 'Forbidden'],
  'role-insufficient': [403, 'Forbidden'],
  'key-unknown': [404, 'KeyNotFound'],
  'key-version-unknown': [404, 'KeyNotFound'],
  'key-not-deleted': [404, 'KeyNotFound'],
  'key-deleted': [409, 'Conflict'],
  'key-exists': [409, 'Conflict'],
  'key-versions-too-many': [409, 'Conflict'],
  'release-policy-versions-too-many': [409, 'Conflict'],
  'key-disabled': [403, 'Forbidden'],
  'key-not-yet-valid': [403, 'Forbidden'],
  'key-expired': [403, 'Forbidden'],
  'key-operation-refused': [403, 'Forbidden'],
  'release-policy-immutable': [403, 'Forbidden'],
  'release-refused': [403, 'Forbidden'],
  'certificate-missing': [403, 'Forbidden'],
  'key-not-exportable': [403, 'Forbidden'],
  'break-glass-off': [404, 'NotFound'],
  'break-glass-unknown': [404, 'NotFound'],
  'break-glass-record-refused': [503, 'ServiceUnavailable'],
  'break-glass-key': [403, 'Forbidden'],
  'break-glass-own': [403, 'Forbidden'],
  'break-glass-foreign': [403, 'Forbidden'],
  'break-glass-state': [409, 'Conflict'],
  'break-glass-expired': [409, 'Conflict'],
  'break-glass-too-many': [409, 'Conflict'],
  'audit-log-changed': [503, 'ServiceUnavailable'],
}

/** @param challenge - for whoever brought no token that counts: RFC 6750, section 3. */
export function keyRefusal(problem: Problem, challenge?: string): Answer {
  const [status, code] = kindOf(problem)
  const needsToken = status === 401 || problem.code.startsWith('role-')
  return vaultRefusal(
    status,
    code,
    problem,
    needsToken && challenge !== undefined
      ? { 'www-authenticate': `${challenge}${errorOf(problem.code)}` }
      : {},
  )
}

/** An attestation token that is not believed: nobody signs in anew because of that. */
function kindOf({ code, at }: Problem): readonly [RefusalStatus, VaultCode] {
  const kind = kinds[code] ?? ([400, 'BadParameter'] as const)
  return at.startsWith('target.') && kind[0] !== 503 ? [403, 'Forbidden'] : kind
}

function errorOf(code: string): string {
  if (code === 'token-missing') return ''
  return code.startsWith('role-') ? ', error="insufficient_scope"' : ', error="invalid_token"'
}
