/**
 * `POST /token`: an attestation token becomes a short-lived token for one audience.
 *
 * @see RFC 8693 (token exchange), RFC 7523 (client assertion), RFC 8705 (certificate-bound tokens); docs/spec/tokens.md
 * @module
 */

import {
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { teeRoles } from '@sealward/attestation/evidence'
import {
  type AccessToken,
  type Appraised,
  deniablesOf,
  tokenLimits,
  verifyIssuedAccessToken,
} from '@sealward/attestation/token'
import type { Clock, Random } from '@sealward/enclave/server'
import { type Answer, oauthRefusal } from '../answer.ts'
import type { Instance } from '../instance.ts'
import { signToken } from '../keys/sign-token.ts'
import { limits } from '../limits.ts'
import { denialIn, isStoreProblem } from '../revocation/denials.ts'
import { verifyAssertion } from './client-assertion.ts'
import {
  type ExchangeProblem,
  type ExchangeRequest,
  parseExchangeRequest,
  refused,
} from './exchange-request.ts'
import { jwtType } from './parameters.ts'
import { issuersOwn, ownTrust, readWorkload, type Workload } from './workload.ts'

export interface ExchangeDeps {
  readonly instance: Pick<Instance, 'issuer' | 'keys' | 'denials' | 'assertions'>
  readonly clock: Clock
  readonly random: Random
}

/**
 * Exchanges an attestation token of ours; or an access token of ours whose holder lets who asks act for it.
 *
 * @param body - `application/x-www-form-urlencoded` as it came.
 * @returns `{access_token, issued_token_type, token_type, expires_in}`, or an OAuth error with one of our codes.
 */
export async function exchangeToken(deps: ExchangeDeps, body: Uint8Array): Promise<Answer> {
  const token = await exchange(deps, body)
  if (!token.ok) return oauthRefusal(token.problem.error, token.problem)
  return {
    status: 200,
    headers: { pragma: 'no-cache' },
    body: {
      access_token: token.value.text,
      issued_token_type: jwtType,
      token_type: 'N_A',
      expires_in: token.value.lifetimeSeconds,
    },
  }
}

interface IssuedToken {
  readonly text: string
  readonly lifetimeSeconds: number
}

async function exchange(
  deps: ExchangeDeps,
  body: Uint8Array,
): Promise<Result<IssuedToken, ExchangeProblem>> {
  const parsed = parseExchangeRequest(body)
  if (!parsed.ok) return parsed
  const request = parsed.value
  const { instance, random } = deps
  const at = deps.clock.now()

  // 1. The tokens are ours, in time, and about workloads that are not denied.
  const client = await readWorkload(instance, request.actorToken ?? request.subjectToken, at)
  if (!client.ok) return refusedToken(client.problem)
  const subject =
    request.subjectKind === 'access'
      ? await readDelegation(instance, request, client.value, at)
      : ok({ appraised: client.value.appraised, actors: [], expiresAt: client.value.expiresAt })
  if (!subject.ok) return refusedToken(subject.problem)

  // 2. Who asks holds the identity key that the evidence named, and asks for the first time.
  const proven = await verifyAssertion(request.assertion, {
    key: client.value.key,
    audience: `${instance.issuer}/token`,
    assertions: instance.assertions,
    at,
  })
  if (!proven.ok) {
    const isLater = isStoreProblem(proven.problem) || proven.problem.code === 'replay-memory-full'
    return refused(isLater ? 'temporarily_unavailable' : 'invalid_client', proven)
  }

  // 3. The audience is of the same deployment.
  const { deployment, role } = subject.value.appraised
  if (!teeRoles.some((other) => request.audience === `${deployment}:${other}`)) {
    return refused(
      'invalid_target',
      refuse(
        'wrong-audience',
        'audience',
        'the audience is not a service of the deployment that the evidence names',
      ),
    )
  }

  // 4. It ends with whatever it rests on.
  const exp = Math.min(
    at + limits.accessLifetimeSeconds,
    client.value.expiresAt,
    subject.value.expiresAt,
  )
  const act = actOf(subject.value.actors)
  const text = await signToken(instance.keys.current(), instance.issuer, 'at+jwt', {
    iss: instance.issuer,
    aud: request.audience,
    sub: role,
    iat: at,
    nbf: at,
    exp,
    jti: hexOf(random.bytes(16)),
    cnf: { 'x5t#S256': client.value.certificateSha256 },
    purpose: request.purpose,
    sealward: subject.value.appraised,
    ...(act === undefined ? {} : { act }),
    ...(request.mayAct === undefined ? {} : { may_act: { sub: request.mayAct } }),
  })
  return ok({ text, lifetimeSeconds: exp - at })
}

/** For whom a token is, and who acts for them; the last first. */
interface Subject {
  readonly appraised: Appraised
  readonly actors: readonly Appraised[]
  readonly expiresAt: UnixSeconds
}

/**
 * An access token that was shown to `actor`, whose holder lets it act.
 *
 * @returns the holder with `actor` in front of those who act already; or a code of tokens, `may-not-act`,
 *   `too-many-actors`.
 * @see RFC 8693, sections 4.1 and 4.4
 */
async function readDelegation(
  instance: ExchangeDeps['instance'],
  { subjectToken }: ExchangeRequest,
  actor: Workload,
  at: UnixSeconds,
): Promise<Result<Subject, Problem>> {
  const token = await verifyIssuedAccessToken(subjectToken, {
    ...ownTrust(instance, at),
    denyList: issuersOwn,
  })
  if (!token.ok) return token
  const denial = await denialIn(instance.denials, ...deniablesOf(token.value))
  if (denial !== undefined) return { ok: false, problem: denial }
  const { role, deployment } = actor.appraised
  const { mayAct, audience, actors, expiresAt } = token.value
  if (mayAct !== role || audience !== `${deployment}:${role}`) {
    return refuse('may-not-act', 'may_act', 'the holder does not let who asks act for it')
  }
  if (actors.length >= tokenLimits.actorsMax) {
    return refuse('too-many-actors', 'act', `more than ${tokenLimits.actorsMax} would act`)
  }
  return ok({
    appraised: appraisedIn(token.value),
    actors: [actor.appraised, ...actors],
    expiresAt,
  })
}

function appraisedIn({
  role,
  deployment,
  mrEnclave,
  mrSigner,
  isvProdId,
  isvSvn,
  debug,
  tcbStatus,
  configId,
  simulated,
  policyHash,
  attestationToken,
  attestationTokenId,
  platforms,
  model,
}: AccessToken): Appraised {
  return {
    role,
    deployment,
    mrEnclave,
    mrSigner,
    isvProdId,
    isvSvn,
    debug,
    tcbStatus,
    configId,
    simulated,
    policyHash,
    attestationToken,
    attestationTokenId,
    platforms,
    ...(model === undefined ? {} : { model }),
  }
}

function actOf([last, ...before]: readonly Appraised[]): object | undefined {
  if (last === undefined) return undefined
  const act = actOf(before)
  return { sub: last.role, sealward: last, ...(act === undefined ? {} : { act }) }
}

/** RFC 8693, section 2.2.2: a token that is not accepted makes the request invalid. */
function refusedToken(problem: Problem): Result<never, ExchangeProblem> {
  return refused(isStoreProblem(problem) ? 'temporarily_unavailable' : 'invalid_request', {
    problem,
  })
}
