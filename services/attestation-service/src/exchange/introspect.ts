/**
 * `POST /introspect`: whether a token of ours counts, for a workload that it concerns.
 *
 * @see RFC 7662; docs/spec/tokens.md
 * @module
 */

import {
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import {
  type AccessToken,
  type AttestationToken,
  deniablesOf,
  verifyIssuedAccessToken,
} from '@sealward/attestation/token'
import type { Clock } from '@sealward/enclave/server'
import { authorize } from '../administration/authorize.ts'
import { administrationRefusal } from '../administration/refusal.ts'
import { type Answer, oauthRefusal } from '../answer.ts'
import type { Instance } from '../instance.ts'
import { denialIn, isStoreProblem } from '../revocation/denials.ts'
import { verifyAssertion } from './client-assertion.ts'
import { assertionType, parseParameters, requiredIn } from './parameters.ts'
import { issuersOwn, ownTrust, readWorkload, type Workload } from './workload.ts'

export interface IntrospectDeps {
  readonly instance: Pick<Instance, 'issuer' | 'keys' | 'denials' | 'assertions' | 'administration'>
  readonly clock: Clock
}

/**
 * Answers a workload about a token that is shown to it or is its own. About any other, and about all that count no more,
 * the answer is `{"active": false}`: it tells nobody whether there is such a token.
 *
 * @param body - `token`, and who asks: `client_attestation`, its attestation token, with `client_assertion` by the key in it.
 * @param authorization - of an administrator, who is answered about every token, and needs none of that.
 */
export async function introspect(
  deps: IntrospectDeps,
  body: Uint8Array,
  authorization?: string,
): Promise<Answer> {
  if (authorization !== undefined) return introspectFor(deps, body, authorization)
  const { instance } = deps
  const at = deps.clock.now()
  const parameters = parseParameters(body)
  if (!parameters.ok) return oauthRefusal('invalid_request', parameters.problem)
  if (parameters.value.get('client_assertion_type') !== assertionType) {
    const detail = `${assertionType} is expected`
    return oauthRefusal('invalid_client', {
      code: 'parameter-unsupported',
      at: 'client_assertion_type',
      detail,
    })
  }
  const given = requiredIn(parameters.value, ['token', 'client_attestation', 'client_assertion'])
  if (!given.ok) return oauthRefusal('invalid_request', given.problem)
  const client = await authenticate(deps, given.value, at)
  if (!client.ok) {
    const { code } = client.problem
    const isLater = isStoreProblem(client.problem) || code === 'replay-memory-full'
    return oauthRefusal(isLater ? 'temporarily_unavailable' : 'invalid_client', client.problem)
  }
  const state = await stateOf(instance, given.value.token, at)
  if (!state.ok) {
    return isStoreProblem(state.problem)
      ? oauthRefusal('temporarily_unavailable', state.problem)
      : inactive
  }
  return concerns(state.value, client.value) ? { status: 200, body: state.value } : inactive
}

async function introspectFor(
  deps: IntrospectDeps,
  body: Uint8Array,
  authorization: string,
): Promise<Answer> {
  const { administration, issuer } = deps.instance
  const administrator =
    administration.mode === 'shared'
      ? refuse('instance-shared', 'authorization', 'nobody administers a shared instance')
      : await authorize(administration, authorization, 'reader')
  if (!administrator.ok) return administrationRefusal(administrator.problem, issuer)
  const parameters = parseParameters(body)
  if (!parameters.ok) return oauthRefusal('invalid_request', parameters.problem)
  const given = requiredIn(parameters.value, ['token'])
  if (!given.ok) return oauthRefusal('invalid_request', given.problem)
  const state = await stateOf(deps.instance, given.value.token, deps.clock.now())
  if (state.ok) return { status: 200, body: state.value }
  return isStoreProblem(state.problem)
    ? oauthRefusal('temporarily_unavailable', state.problem)
    : inactive
}

const inactive: Answer = { status: 200, body: { active: false } }

async function authenticate(
  { instance }: IntrospectDeps,
  given: { readonly client_attestation: string; readonly client_assertion: string },
  at: UnixSeconds,
): Promise<Result<Workload, Problem>> {
  const client = await readWorkload(instance, given.client_attestation, at)
  if (!client.ok) return client
  const proven = await verifyAssertion(given.client_assertion, {
    key: client.value.key,
    audience: `${instance.issuer}/introspect`,
    assertions: instance.assertions,
    at,
  })
  return proven.ok ? client : proven
}

/** What is said of a token that counts. */
interface TokenState {
  readonly active: true
  readonly token_type: 'access_token' | 'attestation_token'
  readonly iss: string
  readonly sub: string
  readonly aud?: string
  readonly iat: UnixSeconds
  readonly nbf: UnixSeconds
  readonly exp: UnixSeconds
  readonly jti: string
  readonly cnf: { readonly 'x5t#S256': string }
  readonly purpose?: string
  readonly deployment: string
}

async function stateOf(
  instance: IntrospectDeps['instance'],
  token: string,
  at: UnixSeconds,
): Promise<Result<TokenState, Problem>> {
  const trust = { ...ownTrust(instance, at), denyList: issuersOwn }
  const access = await verifyIssuedAccessToken(token, trust)
  if (access.ok) {
    const denial = await denialIn(instance.denials, ...deniablesOf(access.value))
    if (denial !== undefined) return { ok: false, problem: denial }
    return ok({
      token_type: 'access_token',
      ...commonOf(access.value, access.value.subject, access.value.certificateSha256),
      aud: access.value.audience,
      purpose: access.value.purpose,
      deployment: access.value.deployment,
    })
  }
  if (access.problem.code !== 'wrong-type') return access
  const attested = await readWorkload(instance, token, at)
  if (!attested.ok) return attested
  const { appraised, certificateSha256, token: read } = attested.value
  return ok({
    token_type: 'attestation_token',
    ...commonOf(read, appraised.role, certificateSha256),
    deployment: appraised.deployment,
  })
}

function commonOf(
  token: Pick<
    AccessToken | AttestationToken,
    'issuer' | 'issuedAt' | 'notBefore' | 'expiresAt' | 'id'
  >,
  subject: string,
  certificateSha256: string,
) {
  return {
    active: true,
    iss: token.issuer,
    sub: subject,
    iat: token.issuedAt,
    nbf: token.notBefore,
    exp: token.expiresAt,
    jti: token.id,
    cnf: { 'x5t#S256': certificateSha256 },
  } as const
}

/** Whether a token is made for who asks, or held by them. */
function concerns({ aud, cnf }: TokenState, { appraised, certificateSha256 }: Workload): boolean {
  return (
    aud === `${appraised.deployment}:${appraised.role}` || cnf['x5t#S256'] === certificateSha256
  )
}
