import type { OperationOutcome, Resource } from '@medplum/fhirtypes'
import { utf8Of } from '@sealward/attestation/bytes'
import { type ApiProblem, statusOf, titleOf } from './problems.ts'

/** What goes back into the sealed channel, or out of the public listener. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** An answer of JSON. */
export function json(
  value: object,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: utf8Of(JSON.stringify(value)),
  }
}

/** An answer of one FHIR resource, with its version where it has one. */
export function fhir(
  resource: Resource,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const version = resource.meta?.versionId
  return {
    status,
    headers: {
      'content-type': 'application/fhir+json; charset=utf-8',
      ...(version === undefined ? {} : { etag: `W/"${version}"` }),
      ...headers,
    },
    body: utf8Of(JSON.stringify(resource)),
  }
}

/** An answer of bytes. */
export function bytes(mediaType: string, body: Uint8Array, status = 200): Answer {
  return { status, headers: { 'content-type': mediaType }, body }
}

/** A refusal as problem details. @see RFC 9457 */
export function problemDetails(problem: ApiProblem): Answer {
  const status = statusOf(problem)
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...authenticate(status) },
    body: utf8Of(
      JSON.stringify({
        type: `urn:sealward:problem:${problem.code}`,
        title: titleOf(problem),
        status,
        detail: problem.detail,
        at: problem.at,
      }),
    ),
  }
}

/** A refusal as FHIR has it: our code is `issue[0].details.coding[0].code`. */
export function operationOutcome(problem: ApiProblem): Answer {
  const status = statusOf(problem)
  const issues = ('issues' in problem ? problem.issues : undefined) ?? []
  const details = {
    coding: [{ system: 'urn:sealward:problem', code: problem.code }],
    text: titleOf(problem),
  }
  const outcome: OperationOutcome = {
    resourceType: 'OperationOutcome',
    issue:
      issues.length > 0
        ? issues.map((issue) => ({
            severity: 'error',
            code: issue.code,
            details,
            ...(issue.diagnostics === undefined
              ? issue.details?.text === undefined
                ? {}
                : { diagnostics: issue.details.text }
              : { diagnostics: issue.diagnostics }),
            ...(issue.expression === undefined ? {} : { expression: issue.expression }),
          }))
        : [
            {
              severity: 'error',
              code: issueTypeOf(status),
              details,
              diagnostics: problem.detail,
            },
          ],
  }
  return fhir(outcome, status, authenticate(status))
}

function authenticate(status: number): Record<string, string> {
  return status === 401 ? { 'www-authenticate': 'Bearer' } : {}
}

function issueTypeOf(status: number): NonNullable<OperationOutcome['issue'][number]['code']> {
  switch (status) {
    case 401:
      return 'login'
    case 403:
      return 'forbidden'
    case 404:
      return 'not-found'
    case 409:
    case 412:
      return 'conflict'
    case 413:
      return 'too-long'
    case 405:
      return 'not-supported'
    case 503:
      return 'transient'
    default:
      return status >= 500 ? 'exception' : 'invalid'
  }
}
