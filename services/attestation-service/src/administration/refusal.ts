/**
 * Refusals of administration, in Azure's form.
 *
 * @module
 */

import type { Problem } from '@sealward/attestation/bytes'
import { azureMessageOf } from '@sealward/attestation/policy'
import { type Answer, type AzureCode, azureRefusal } from '../answer.ts'

type Status = Parameters<typeof azureRefusal>[0]

/** What a problem is to Azure's clients. Whatever is not named is a parameter that is wrong. */
const kinds: Readonly<Record<string, readonly [Status, AzureCode]>> = {
  'store-unavailable': [503, 'ServiceUnavailable'],
  'policy-state-refused': [503, 'ServiceUnavailable'],
  'identity-provider-unavailable': [503, 'ServiceUnavailable'],
  'token-missing': [401, 'Unauthorized'],
  'token-malformed': [401, 'Unauthorized'],
  'token-refused': [401, 'Unauthorized'],
  'token-expired': [401, 'Unauthorized'],
  'role-missing': [403, 'Forbidden'],
  'role-insufficient': [403, 'Forbidden'],
  'administration-unread': [403, 'Forbidden'],
  'policy-unsigned': [403, 'Forbidden'],
  'policy-signer-unknown': [403, 'Forbidden'],
  'policy-jws-replayed': [403, 'Forbidden'],
  'approval-own': [403, 'Forbidden'],
  'policy-jws-outdated': [409, 'Conflict'],
  'deny-list-refused': [503, 'ServiceUnavailable'],
  'already-denied': [409, 'Conflict'],
  'not-denied': [409, 'Conflict'],
  'deny-list-full': [409, 'Conflict'],
  'approval-stale': [409, 'Conflict'],
  'approval-decided': [409, 'Conflict'],
  'approval-expired': [409, 'Conflict'],
  'approvals-too-many': [409, 'Conflict'],
  'policy-changed': [412, 'PreconditionFailed'],
  'instance-shared': [400, 'InvalidOperation'],
  'instance-not-isolated': [400, 'InvalidOperation'],
  'signer-last': [400, 'InvalidOperation'],
  'signers-too-many': [400, 'InvalidOperation'],
  'policy-type-unknown': [404, 'NotFound'],
  'version-unknown': [404, 'NotFound'],
  'approval-unknown': [404, 'NotFound'],
}

/** @param issuer - the realm of the bearer token that would be taken. */
export function administrationRefusal(problem: Problem, issuer: string): Answer {
  // Only the policy language says where by line and column; Azure's clients know its sentence.
  if (/^\d+:\d+$/.test(problem.at)) {
    return azureRefusal(400, 'PolicyParsingError', azureMessageOf(problem), problem)
  }
  const [status, code] = kinds[problem.code] ?? [400, 'InvalidParameter']
  const refusal = azureRefusal(status, code, problem.detail, problem)
  const challenge = challengeOf(problem, status)
  return challenge === undefined
    ? refusal
    : {
        ...refusal,
        headers: { ...refusal.headers, 'www-authenticate': `Bearer realm="${issuer}"${challenge}` },
      }
}

/** RFC 6750, section 3. */
function challengeOf({ code }: Problem, status: Status): string | undefined {
  if (code === 'token-missing') return ''
  if (status === 401) return ', error="invalid_token"'
  return code === 'role-missing' || code === 'role-insufficient'
    ? ', error="insufficient_scope"'
    : undefined
}
