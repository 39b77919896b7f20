import type { Problem } from '@sealward/attestation/bytes'

/** What a route answers: JSON, or text whose `content-type` is among its headers; and headers of its own. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: object | string
  /** Why it is a refusal, for the log. */
  readonly problem?: Problem
}

/** Azure's error codes, as far as they are used here. */
export type AzureCode =
  | 'ApprovalPending'
  | 'Conflict'
  | 'Forbidden'
  | 'InvalidParameter'
  | 'InvalidOperation'
  | 'NotAcceptable'
  | 'NotFound'
  | 'PolicyEvaluationError'
  | 'PolicyParsingError'
  | 'PreconditionFailed'
  | 'ServiceUnavailable'
  | 'TooManyRequests'
  | 'Unauthorized'

/**
 * A refusal as Azure Attestation words it: the code for its clients, and ours inside.
 *
 * @see Azure REST API specifications, attestation data plane, `CloudError`
 */
export function azureRefusal(
  status: 202 | 400 | 401 | 403 | 404 | 406 | 409 | 412 | 413 | 415 | 429 | 503,
  code: AzureCode,
  message: string,
  problem: Problem,
): Answer {
  return {
    status,
    headers: { 'x-ms-error-code': code },
    body: { error: { code, message, innererror: { ...problem } } },
    problem,
  }
}

/** Error codes of OAuth 2.0 (RFC 6749, section 5.2; RFC 8693, section 2.2.2). */
export type OAuthCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unsupported_grant_type'
  | 'unsupported_token_type'
  | 'temporarily_unavailable'

/** A refusal as OAuth words it, with our own code beside it. */
export function oauthRefusal(error: OAuthCode, problem: Problem): Answer {
  return {
    status: error === 'invalid_client' ? 401 : error === 'temporarily_unavailable' ? 503 : 400,
    body: { error, error_description: problem.detail, code: problem.code, at: problem.at },
    problem,
  }
}
