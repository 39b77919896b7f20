/**
 * Refusals in the form of the reference: RFC 7807, with our code beside.
 *
 * @see confidential-containers/trustee, kbs/src/error.rs
 * @module
 */

import type { Problem } from '@sealward/attestation/bytes'
import type { Answer } from '../answer.ts'

/** What the reference calls what went wrong, as far as it happens here. */
export type KbsErrorType =
  | 'AdminAuth'
  | 'AttestationError'
  | 'InvalidRequestPath'
  | 'JweError'
  | 'PluginInternalError'
  | 'PluginNotFound'
  | 'PolicyDeny'
  | 'PolicyEngine'
  | 'SerdeError'
  | 'TokenNotFound'
  | 'TokenVerifierError'

/** What has a type of its own, wherever it happens. */
const types: Readonly<Record<string, KbsErrorType>> = {
  'kbs-session-missing': 'TokenNotFound',
  'kbs-session-unknown': 'TokenNotFound',
  'kbs-session-expired': 'TokenNotFound',
  'kbs-session-not-attested': 'TokenNotFound',
  'kbs-token-without-key': 'TokenVerifierError',
  'kbs-key-refused': 'JweError',
  'kbs-release-refused': 'PolicyDeny',
  'kbs-path-malformed': 'InvalidRequestPath',
  'kbs-resource-unknown': 'InvalidRequestPath',
  'kbs-plugin-unknown': 'PluginNotFound',
  'kbs-policy-is-rego': 'PolicyEngine',
  'kbs-policy-malformed': 'PolicyEngine',
  'kbs-policy-versions-too-many': 'PolicyEngine',
  'release-policy-malformed': 'PolicyEngine',
  'body-too-large': 'SerdeError',
}

/** Whatever is not named is 401, as the reference has it. */
const statuses: Readonly<Record<string, number>> = {
  'kbs-release-refused': 403,
  'kbs-path-malformed': 404,
  'kbs-resource-unknown': 404,
  'kbs-plugin-unknown': 404,
  'body-too-large': 413,
  'store-unavailable': 503,
  'record-refused': 503,
  'audit-log-changed': 503,
  'attestation-unavailable': 503,
  'deny-list-stale': 503,
  'identity-provider-unavailable': 503,
  'kbs-attestations-too-many': 503,
  'kbs-sessions-too-many': 503,
}

/** @param type - of what the route does, for problems that have none of their own. */
export function kbsRefusal(problem: Problem, type: KbsErrorType): Answer {
  const { code, detail } = problem
  return {
    status: statuses[code] ?? 401,
    body: {
      type: `https://github.com/confidential-containers/kbs/errors/${types[code] ?? type}`,
      detail,
      code,
    },
    problem,
  }
}
