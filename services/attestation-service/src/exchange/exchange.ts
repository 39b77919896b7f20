/**
 * `POST /token`: an attestation token becomes a short-lived token for one audience.
 *
 * @see RFC 8693 (token exchange), RFC 7523 (client assertion), RFC 8705 (certificate-bound tokens); docs/spec/tokens.md
 * @module
 */

import {
  hexOf,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  textOf,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { type IdentityKeyJwk, type RuntimeData, teeRoles } from '@sealward/attestation/evidence'
import { type AttestationToken, verifyAttestationToken } from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import type { Clock, Random } from '@sealward/enclave/server'
import { compactVerify, errors, importJWK } from 'jose'
import { type Answer, oauthRefusal } from '../answer.ts'
import type { Instance } from '../instance.ts'
import { signToken } from '../keys/sign-token.ts'
import { limits } from '../limits.ts'
import type { ReplayMemory } from './replay-memory.ts'

export interface ExchangeDeps {
  readonly instance: Pick<Instance, 'issuer' | 'keys'>
  readonly clock: Clock
  readonly random: Random
  readonly assertions: ReplayMemory
}

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const jwtType = 'urn:ietf:params:oauth:token-type:jwt'
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/**
 * Exchanges an attestation token of ours.
 *
 * @param body - `application/x-www-form-urlencoded` as it came.
 * @returns `{access_token, issued_token_type, token_type, expires_in}`, or an OAuth error with one of our codes.
 */
export async function exchangeToken(deps: ExchangeDeps, body: Uint8Array): Promise<Answer> {
  const parameters = parseParameters(body)
  if (!parameters.ok) return oauthRefusal('invalid_request', parameters.problem)
  const request = exchangeRequestOf(parameters.value)
  if (!request.ok) {
    const unsupported = request.problem.at === 'grant_type'
    return oauthRefusal(unsupported ? 'unsupported_grant_type' : 'invalid_request', request.problem)
  }
  const { subjectToken, assertion, audience, purpose } = request.value
  const at = deps.clock.now()
  const { issuer, keys } = deps.instance

  // 1. The subject token is one of ours, and in time.
  const subject = await verifyAttestationToken(subjectToken, {
    issuer,
    jwks: { keys: keys.published().map(({ jwk }) => jwk) },
    signers: keys.published().map(({ signer }) => signer),
    at,
    clockSkewSeconds: 0,
  })
  if (!subject.ok) return oauthRefusal('invalid_request', subject.problem)
  const holder = holderOf(subject.value)
  if (!holder.ok) return oauthRefusal('invalid_request', holder.problem)

  // 2. Who asks holds the identity key that the evidence named, and asks for the first time.
  const client = await verifyAssertion(deps, assertion, holder.value.key, at)
  if (!client.ok) {
    const later = client.problem.code === 'replay-memory-full'
    return oauthRefusal(later ? 'temporarily_unavailable' : 'invalid_client', client.problem)
  }

  // 3. The audience is of the same deployment.
  const { deployment, role, certificateSha256 } = holder.value
  if (!teeRoles.some((other) => audience === `${deployment}:${other}`)) {
    return oauthRefusal('invalid_target', {
      code: 'wrong-audience',
      at: 'audience',
      detail: 'the audience is not a service of the deployment that the evidence names',
    })
  }

  const exp = Math.min(
    at + limits.accessLifetimeSeconds,
    subject.value.expiresAt,
    subject.value.evidenceExpiresAt,
  )
  const accessToken = await signToken(keys.current(), issuer, 'at+jwt', {
    iss: issuer,
    aud: audience,
    sub: role,
    iat: at,
    nbf: at,
    exp,
    jti: hexOf(deps.random.bytes(16)),
    cnf: { 'x5t#S256': certificateSha256 },
    purpose,
    sealward: sealwardClaims(subject.value, holder.value),
  })
  return {
    status: 200,
    headers: { pragma: 'no-cache' },
    body: {
      access_token: accessToken,
      issued_token_type: jwtType,
      token_type: 'N_A',
      expires_in: exp - at,
    },
  }
}

/** What the receiver appraises, so that it needs no other token. */
function sealwardClaims(token: Verified<AttestationToken>, holder: Holder): object {
  return {
    deployment: holder.deployment,
    role: holder.role,
    mrEnclave: token.mrEnclave,
    mrSigner: token.mrSigner,
    isvProdId: token.isvProdId,
    isvSvn: token.isvSvn,
    debug: token.debug,
    tcbStatus: token.tcbStatus,
    configId: token.configId,
    simulated: token.simulated,
    policyHash: token.policyHash,
    attestationToken: token.digest,
    ...(holder.model === undefined ? {} : { model: holder.model }),
  }
}

/** Each parameter once (RFC 6749, section 3.2). */
function parseParameters(body: Uint8Array): Result<ReadonlyMap<string, string>, Problem> {
  const text = textOf(body)
  if (text === undefined) return refuse('parameters-malformed', '@0x0', 'not UTF-8')
  const parameters = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(text)) {
    if (parameters.has(name)) {
      return refuse('parameters-malformed', '@0x0', 'a parameter occurs twice')
    }
    parameters.set(name, value)
    if (parameters.size > limits.parametersMax) {
      return refuse('parameters-malformed', '@0x0', `more than ${limits.parametersMax} parameters`)
    }
  }
  return ok(parameters)
}

interface ExchangeRequest {
  readonly subjectToken: string
  readonly assertion: string
  readonly audience: string
  readonly purpose: string
}

function exchangeRequestOf(parameters: ReadonlyMap<string, string>): Result<ExchangeRequest> {
  const fixed = [
    ['grant_type', exchangeGrant],
    ['subject_token_type', jwtType],
    ['client_assertion_type', assertionType],
  ] as const
  for (const [name, value] of fixed) {
    if (parameters.get(name) !== value) {
      return refuse('parameter-unsupported', name, `${name} must be ${value}`)
    }
  }
  const missing = ['subject_token', 'client_assertion', 'audience', 'purpose'].find(
    (name) => (parameters.get(name) ?? '') === '',
  )
  if (missing !== undefined) return refuse('parameter-missing', missing, `${missing} is missing`)
  const purpose = parameters.get('purpose') ?? ''
  if (!purposeForm.test(purpose)) {
    return refuse('parameter-malformed', 'purpose', 'a few plain words are expected')
  }
  return ok({
    subjectToken: parameters.get('subject_token') ?? '',
    assertion: parameters.get('client_assertion') ?? '',
    audience: parameters.get('audience') ?? '',
    purpose,
  })
}

/** Receivers log the purpose, so it has no room for a name or a number that would tell who a patient is. */
const purposeForm = new RegExp(`^[a-z][a-z -]{0,${limits.purposeCharactersMax - 1}}$`)

/** Who the attestation token was issued to, as its evidence named them. */
interface Holder {
  readonly deployment: string
  readonly role: RuntimeData['role']
  readonly key: IdentityKeyJwk
  readonly certificateSha256: string
  readonly model: string | undefined
}

function holderOf(token: Verified<AttestationToken>): Result<Holder, Problem<'claim-missing'>> {
  const { runtimeData, initTimeData, configId } = token
  const certificateSha256 = runtimeData?.tls?.['x5t#S256']
  if (runtimeData === undefined || initTimeData === undefined || configId === undefined) {
    return refuse('claim-missing', 'x-ms-runtime', 'the evidence does not name a workload of ours')
  }
  if (certificateSha256 === undefined) {
    return refuse('claim-missing', 'x-ms-runtime.tls', 'the evidence names no TLS certificate')
  }
  const { deployment, role } = initTimeData
  if (runtimeData.deployment !== deployment || runtimeData.role !== role) {
    return refuse('claim-missing', 'x-ms-runtime', 'runtime and init-time data name two workloads')
  }
  const [key] = runtimeData.keys
  return ok({ deployment, role, key, certificateSha256, model: runtimeData.model?.sha256 })
}

type AssertionCode =
  | 'assertion-malformed'
  | 'assertion-signature'
  | 'assertion-issuer'
  | 'assertion-audience'
  | 'assertion-time'
  | 'assertion-replayed'
  | 'replay-memory-full'

/** Verifies a client assertion: ES256 by `key`, for us, for a minute, for the first time. */
async function verifyAssertion(
  deps: ExchangeDeps,
  assertion: string,
  key: IdentityKeyJwk,
  at: UnixSeconds,
): Promise<Result<true, Problem<AssertionCode>>> {
  if (assertion.length > limits.assertionCharactersMax) {
    return refuse('assertion-malformed', 'client_assertion', 'too long')
  }
  const payload = await verifiedPayload(assertion, key)
  if (payload === undefined) {
    return refuse(
      'assertion-signature',
      'client_assertion',
      'not signed, ES256, by the identity key that the evidence names',
    )
  }
  const claims = parseAssertion(payload)
  if (!claims.ok) {
    return refuse(
      'assertion-malformed',
      `client_assertion.${claims.problem.at}`,
      claims.problem.detail,
    )
  }
  const { iss, sub, aud, iat, exp, jti } = claims.value
  if (iss !== key.kid || sub !== key.kid) {
    return refuse('assertion-issuer', 'client_assertion.iss', 'iss and sub name the identity key')
  }
  if (aud !== `${deps.instance.issuer}/token`) {
    return refuse(
      'assertion-audience',
      'client_assertion.aud',
      'the assertion is for another service',
    )
  }
  const skew = limits.clockSkewSeconds
  if (exp - iat > limits.assertionLifetimeSecondsMax || iat > at + skew || exp <= at - skew) {
    return refuse('assertion-time', 'client_assertion.exp', 'not made within the last minute')
  }
  switch (deps.assertions.admit(`${key.kid} ${jti}`, exp + skew, at)) {
    case 'first':
      return ok(true)
    case 'again':
      return refuse('assertion-replayed', 'client_assertion.jti', 'the assertion was used before')
    case 'full':
      return refuse('replay-memory-full', 'client_assertion.jti', 'too many requests; try again')
  }
}

async function verifiedPayload(
  assertion: string,
  key: IdentityKeyJwk,
): Promise<Uint8Array | undefined> {
  try {
    const { payload } = await compactVerify(assertion, await importJWK(key, 'ES256'), {
      algorithms: ['ES256'],
    })
    return payload
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
    throw error
  }
}

function parseAssertion(payload: Uint8Array) {
  const json = jsonOf(payload, { bytesMax: limits.assertionCharactersMax, depthMax: 2 })
  if (!json.ok) return json
  return reading(json.value, '', (top) =>
    top.object('ignored', (fields) => ({
      iss: fields.required('iss').string(128),
      sub: fields.required('sub').string(128),
      aud: fields.required('aud').string(1024),
      iat: fields.required('iat').integer(0, Number.MAX_SAFE_INTEGER),
      exp: fields.required('exp').integer(0, Number.MAX_SAFE_INTEGER),
      jti: fields.required('jti').string(limits.assertionIdCharactersMax, /^[!-~]+$/),
    })),
  )
}
