/**
 * Every code with which this service itself refuses, its HTTP status and its title. Documented in
 * docs/spec/problem-codes.md; a code is never reused.
 *
 * @module
 */
import type { OperationOutcomeIssue } from '@medplum/fhirtypes'
import type { Problem } from '@sealward/attestation/bytes'

export type PlatformCode =
  | 'too-large'
  | 'unsupported-media-type'
  | 'not-found'
  | 'broken-program'
  | 'token-missing'
  | 'token-malformed'
  | 'token-refused'
  | 'token-expired'
  | 'role-missing'
  | 'role-insufficient'
  | 'identity-provider-unavailable'
  | 'body-malformed'
  | 'wrong-resource-type'
  | 'resource-invalid'
  | 'resource-id'
  | 'search-unsupported'
  | 'idempotency-key-malformed'
  | 'idempotency-key-reused'
  | 'reference-unknown'
  | 'identifier-in-use'
  | 'version-conflict'
  | 'order-incomplete'
  | 'already-final'
  | 'conclusion-invalid'
  | 'reason-missing'
  | 'film-empty'
  | 'film-too-large'
  | 'record-refused'
  | 'store-unavailable'
  | 'key-unavailable'
  | 'database-rolled-back'
  | 'database-forked'
  | 'database-altered'
  | 'anchor-missing'
  | 'anchor-behind'
  | 'anchor-unavailable'
  | 'anchor-refused'
  | 'provider-unavailable'

export const problems: Readonly<Record<PlatformCode, readonly [status: number, title: string]>> = {
  // As HTTP has them.
  'too-large': [413, 'The message is too large'],
  'unsupported-media-type': [415, 'The media type is not one that is taken here'],
  'not-found': [404, 'There is nothing here'],
  'broken-program': [500, 'Something is broken on our side'],
  // Who asks.
  'token-missing': [401, 'Sign in first'],
  'token-malformed': [401, 'The access token cannot be read'],
  'token-refused': [401, 'The access token is not accepted'],
  'token-expired': [401, 'The access token has expired'],
  'role-missing': [403, 'The account has no role here'],
  'role-insufficient': [403, 'The account may not do this'],
  'identity-provider-unavailable': [503, 'Staff cannot be identified at the moment'],
  // What is asked.
  'body-malformed': [400, 'The body cannot be read'],
  'wrong-resource-type': [422, 'Another kind of resource was expected'],
  'resource-invalid': [422, 'The resource does not meet FHIR R4'],
  'resource-id': [400, 'The id in the body is not the one in the path'],
  'idempotency-key-malformed': [400, 'The idempotency key cannot be read'],
  'idempotency-key-reused': [422, 'The idempotency key was sent with another request'],
  'search-unsupported': [400, 'This search is not offered'],
  'reference-unknown': [422, 'A resource that is referred to is not here'],
  'identifier-in-use': [409, 'Another patient has this identifier'],
  'version-conflict': [412, 'The resource has changed since it was read'],
  'order-incomplete': [422, 'The order lacks something'],
  'already-final': [409, 'The report has been signed before'],
  'conclusion-invalid': [422, 'The conclusion cannot be taken'],
  'reason-missing': [422, 'A reason is needed'],
  'film-empty': [400, 'There is no film in the request'],
  'film-too-large': [413, 'The film is too large'],
  // What is behind.
  'record-refused': [500, 'A stored record is not what was written'],
  'store-unavailable': [503, 'The database is unavailable'],
  'key-unavailable': [503, 'A key that stored data needs cannot be had at the moment'],
  'database-rolled-back': [503, 'The database was put back to an earlier state'],
  'database-forked': [503, 'The database went on from a state from which another one went on too'],
  'database-altered': [503, 'What is stored is not what was written'],
  'anchor-missing': [503, 'What the database is compared with is gone'],
  'anchor-behind': [503, 'Nothing more is written until the anchor can be moved on'],
  'anchor-unavailable': [503, 'The anchor of the database is unavailable'],
  'anchor-refused': [503, 'The anchor of the database cannot be believed'],
  'provider-unavailable': [503, 'The diagnostic provider is unavailable'],
}

/** A refusal of ours. `issues` are for the sender of a resource only, and never logged. */
export interface PlatformProblem extends Problem<PlatformCode> {
  readonly issues?: readonly OperationOutcomeIssue[]
}

/** A refusal with a status of its own, for codes of other packages, such as an unreadable film's. */
export interface ForeignProblem extends Problem {
  readonly status: number
}

export type ApiProblem = PlatformProblem | ForeignProblem

/** Title for a person. */
export function titleOf(problem: ApiProblem): string {
  return isOurs(problem.code) ? problems[problem.code][1] : problem.detail
}

/** HTTP status. */
export function statusOf(problem: ApiProblem): number {
  if ('status' in problem) return problem.status
  return problems[problem.code][0]
}

function isOurs(code: string): code is PlatformCode {
  return Object.hasOwn(problems, code)
}
