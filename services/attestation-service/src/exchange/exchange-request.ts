import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { type TeeRole, teeRoles } from '@sealward/attestation/evidence'
import type { OAuthCode } from '../answer.ts'
import { limits } from '../limits.ts'
import {
  accessTokenType,
  assertionType,
  jwtType,
  type Parameters,
  parseParameters,
  requiredIn,
} from './parameters.ts'

/** What is asked for, and with what. */
export interface ExchangeRequest {
  readonly subjectToken: string
  /** An attestation token, or an access token whose holder lets somebody else act. */
  readonly subjectKind: 'attestation' | 'access'
  readonly actorToken: string | undefined
  readonly assertion: string
  readonly audience: string
  readonly purpose: string
  readonly mayAct: TeeRole | undefined
}

/** A problem, and what OAuth calls it. */
export interface ExchangeProblem extends Problem {
  readonly error: OAuthCode
}

/**
 * Reads a request to `/token`.
 *
 * @returns it; or `parameters-malformed`, `parameter-missing`, `parameter-malformed`, `parameter-unsupported`,
 *   `actor-unexpected`, `actor-missing`.
 * @see RFC 8693, section 2.1
 */
export function parseExchangeRequest(body: Uint8Array): Result<ExchangeRequest, ExchangeProblem> {
  const parameters = parseParameters(body)
  if (!parameters.ok) return refused('invalid_request', parameters)
  const unsupported = unsupportedIn(parameters.value)
  if (unsupported !== undefined) return unsupported
  const given = requiredIn(parameters.value, [
    'subject_token',
    'client_assertion',
    'audience',
    'purpose',
  ])
  if (!given.ok) return refused('invalid_request', given)
  const { audience, purpose } = given.value
  if (!purposeForm.test(purpose)) {
    return refused(
      'invalid_request',
      refuse('parameter-malformed', 'purpose', 'a few plain words are expected'),
    )
  }
  const mayAct = parameters.value.get('may_act')
  const actorRole = teeRoles.find((role) => role === mayAct)
  if (mayAct !== undefined && actorRole === undefined) {
    return refused(
      'invalid_request',
      refuse('parameter-malformed', 'may_act', `one of ${teeRoles.join(', ')} is expected`),
    )
  }
  const actorToken = parameters.value.get('actor_token')
  const subjectKind =
    parameters.value.get('subject_token_type') === jwtType ? 'attestation' : 'access'
  if (subjectKind === 'attestation' && actorToken !== undefined) {
    return refused(
      'invalid_request',
      refuse('actor-unexpected', 'actor_token', 'whoever was attested asks without an actor'),
    )
  }
  if (subjectKind === 'access' && actorToken === undefined) {
    return refused(
      'invalid_request',
      refuse(
        'actor-missing',
        'actor_token',
        'an access token is exchanged by who acts for its holder',
      ),
    )
  }
  return ok({
    subjectToken: given.value.subject_token,
    subjectKind,
    actorToken,
    assertion: given.value.client_assertion,
    audience,
    purpose,
    mayAct: actorRole,
  })
}

function unsupportedIn(parameters: Parameters): Result<never, ExchangeProblem> | undefined {
  const one = (name: string, values: readonly (string | undefined)[]): boolean =>
    values.includes(parameters.get(name))
  const wrong = (error: OAuthCode, name: string, detail: string): Result<never, ExchangeProblem> =>
    refused(error, refuse('parameter-unsupported', name, detail))
  if (!one('grant_type', [exchangeGrant])) {
    return wrong('unsupported_grant_type', 'grant_type', `grant_type must be ${exchangeGrant}`)
  }
  if (!one('subject_token_type', [jwtType, accessTokenType])) {
    return wrong('invalid_request', 'subject_token_type', `${jwtType} or ${accessTokenType}`)
  }
  if (!one('client_assertion_type', [assertionType])) {
    return wrong('invalid_request', 'client_assertion_type', `${assertionType} is expected`)
  }
  if (!one('requested_token_type', [undefined, jwtType, accessTokenType])) {
    return wrong('invalid_request', 'requested_token_type', 'an access token is what there is')
  }
  const actorType = parameters.has('actor_token') ? jwtType : undefined
  if (!one('actor_token_type', [actorType])) {
    return wrong('invalid_request', 'actor_token_type', `${jwtType}, with an actor_token only`)
  }
  // A token is for one audience and one purpose; it is not divided further.
  if (parameters.has('resource')) {
    return wrong('invalid_target', 'resource', 'an audience names who the token is for')
  }
  if (parameters.has('scope')) {
    return wrong('invalid_scope', 'scope', 'a purpose says what the token is for')
  }
  return undefined
}

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** Receivers log the purpose, so it has no room for a name or a number that would tell who a patient is. */
const purposeForm = new RegExp(`^[a-z][a-z -]{0,${limits.purposeCharactersMax - 1}}$`)

/** The problem of a result, by what OAuth calls it. */
export function refused(
  error: OAuthCode,
  { problem }: { readonly problem: Problem },
): { readonly ok: false; readonly problem: ExchangeProblem } {
  return { ok: false, problem: { ...problem, error } }
}
