/**
 * What a relying party does with a token: the one place where attestation tokens and access tokens are believed.
 *
 *     const list = await verifyDenyList(await textOf('/deny-list'), pinned)
 *     if (!list.ok) return list
 *     const denyList = { list: list.value, ageSecondsMax: 300 }
 *     const result = await verifyAttestationToken(text, { ...pinned, denyList })
 *     if (!result.ok) log(result.problem.code)
 *
 * `pinned` is `{issuer, signers, jwks, at, clockSkewSeconds}`. An address in a token is never followed.
 *
 * @see Azure Attestation; RFC 7800; RFC 8693, section 4; RFC 8705; RFC 8725; docs/spec/tokens.md
 * @module
 */

import {
  base64UrlOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
  type ShapeCode,
  sha256,
  utf8Of,
} from '../bytes/index.ts'
import {
  type PeerExpectation,
  parseInitTimeData,
  parseRuntimeData,
  type TeeRole,
  teeRoles,
} from '../evidence/index.ts'
import type { Verified } from '../verification/index.ts'
import { type Deniable, deniableOf } from './deniable.ts'
import { type DenyListTrust, denialOf, denyListProblem } from './deny-list.ts'
import { tokenLimits } from './limits.ts'
import { claimNames, claimSetVersion } from './names.ts'
import type { AccessToken, Appraised, AttestationToken, TokenProblem } from './token.ts'
import {
  issuerAndTimeProblem,
  misshapen,
  type Refusal,
  readDated,
  type SignatureTrust,
  verifySignature,
} from './verify-token.ts'

/** Whose tokens are believed, and when. */
export interface TokenTrust extends SignatureTrust {
  /** Who has been denied since a token was made; or why nobody asks. */
  readonly denyList: DenyListTrust
}

/** What is asked of whoever shows an access token. */
export interface AccessTokenTrust extends TokenTrust {
  readonly audience: string
  /** Base64url SHA-256 of the DER of the certificate that the peer proved to hold on this connection. */
  readonly peerCertificateSha256: string
  /** What tokens may be shown for. */
  readonly purposes: readonly string[]
  /** Policies that are accepted, as `x-ms-policy-hash` has them; none at all accepts no token. */
  readonly policyHashes: readonly string[]
  readonly expectation: PeerExpectation
  /** Who may act for the holder; nobody, unless said. */
  readonly actors?: readonly PeerExpectation[]
  readonly deployment: string
  /** Whether simulated evidence is let in: true only for a development deployment. */
  readonly development: boolean
  /** Remembers a `jti`; answers whether this use of it is admitted. Asked last, and only once. */
  readonly admitJti: (jti: string, expiresAt: number) => boolean | Promise<boolean>
}

/**
 * Verifies an attestation token: signature by a pinned key, issuer, time, the shape of its claims, and that nothing in it
 * is denied. What the claims say is not judged here.
 *
 * @param token - a compact JWS.
 * @returns the token, or `token-malformed`, `token-too-large`, `unsecured`, `wrong-algorithm`, `wrong-type`,
 *   `unknown-signer`, `bad-signature`, `wrong-issuer`, `expired`, `not-yet-valid`, `claim-missing`, `deny-list-stale`, or
 *   one of {@link DenialCode}.
 */
export async function verifyAttestationToken(
  token: string,
  trust: TokenTrust,
): Promise<Result<Verified<AttestationToken>, TokenProblem>> {
  const signed = await verifySignature(token, ['JWT'], trust)
  if (!signed.ok) return signed
  const read = parseAttestationTokenClaims(signed.value.payload)
  if (!read.ok) return misshapen(read.problem)
  const { payload } = signed.value
  const runtimeData = parseRuntimeData(jsonBytesOf(payload[claimNames.runtime]))
  const initTimeData = parseInitTimeData(jsonBytesOf(payload[claimNames.initTime]))
  const result: AttestationToken = {
    ...read.value,
    // Data of another form than ours is no reason to refuse a token: whoever needs it will miss it.
    ...(runtimeData.ok ? { runtimeData: runtimeData.value } : {}),
    ...(initTimeData.ok ? { initTimeData: initTimeData.value } : {}),
    signer: signed.value.signer,
    digest: await digestOf(token),
    claims: payload,
  }
  const problem =
    issuerAndTimeProblem(result, trust) ??
    deniedProblem([deniableOf(payload, result.digest)], trust)
  return problem ?? ok(result as Verified<AttestationToken>)
}

/**
 * Verifies an access token, whoever shows it, and everybody who acts for the holder.
 *
 * @param token - a compact JWS of type `at+jwt`.
 * @returns the token, or one of {@link TokenCode}. `admitJti` is asked only when all else is right.
 */
export async function verifyAccessToken(
  token: string,
  trust: AccessTokenTrust,
): Promise<Result<Verified<AccessToken>, TokenProblem>> {
  const issued = await verifyIssuedAccessToken(token, trust)
  if (!issued.ok) return issued
  const problem = holderProblem(issued.value, trust) ?? workloadsProblem(issued.value, trust)
  if (problem !== undefined) return problem
  const { id, expiresAt } = issued.value
  return (await trust.admitJti(id, expiresAt))
    ? issued
    : refuse('replayed', 'jti', 'the token was shown before, elsewhere')
}

/**
 * Verifies that an access token was issued and is not denied: for its issuer, who knows of no holder and no audience.
 *
 * @returns the token, or a code that does not depend on who shows it to whom.
 */
export async function verifyIssuedAccessToken(
  token: string,
  trust: TokenTrust,
): Promise<Result<Verified<AccessToken>, TokenProblem>> {
  const signed = await verifySignature(token, ['at+jwt', 'application/at+jwt'], trust)
  if (!signed.ok) return signed
  const read = parseAccessTokenClaims(signed.value.payload)
  if (!read.ok) return misshapen(read.problem)
  const result: AccessToken = {
    ...read.value,
    signer: signed.value.signer,
    digest: await digestOf(token),
  }
  const problem = issuerAndTimeProblem(result, trust) ?? deniedProblem(deniablesOf(result), trust)
  return problem ?? ok(result as Verified<AccessToken>)
}

/** Reads the claims of an attestation token. Believed by nobody yet. */
export function parseAttestationTokenClaims(
  payload: unknown,
): Result<AttestationTokenClaims, Problem<ShapeCode>> {
  return reading(payload, '', readAttestationToken)
}

/** Reads the claims of an access token. Believed by nobody yet. */
export function parseAccessTokenClaims(
  payload: unknown,
): Result<Omit<AccessToken, 'signer' | 'digest'>, Problem<ShapeCode>> {
  return reading(payload, '', readAccessToken)
}

type AttestationTokenClaims = Omit<
  AttestationToken,
  'signer' | 'digest' | 'claims' | 'runtimeData' | 'initTimeData'
>

/** What an access token that was let in can be denied by later: the holder's part, and each actor's. */
export function deniablesOf(token: AccessToken): readonly Deniable[] {
  const ids = [token.id, token.digest]
  return [token, ...token.actors].map((workload, index) => ({
    measurement: [workload.mrEnclave],
    signer: [workload.mrSigner],
    platform: workload.platforms,
    token: [workload.attestationToken, workload.attestationTokenId, ...(index === 0 ? ids : [])],
    policy: [workload.policyHash],
  }))
}

/** Why what was believed before is believed no more: the list is too old, or it denies. */
export function deniedProblem(
  deniables: readonly Deniable[],
  { denyList, ...when }: Pick<TokenTrust, 'denyList' | 'issuer' | 'at'>,
): Refusal | undefined {
  const staleness = denyListProblem(denyList, when)
  if (staleness !== undefined || 'unchecked' in denyList) return staleness
  for (const deniable of deniables) {
    const denial = denialOf(denyList.list.denied, deniable)
    if (denial !== undefined) return denial
  }
  return undefined
}

/**
 * Base64url SHA-256 of a token up to the dot before its signature: what a deny list can name it by.
 *
 * Of one signature of ECDSA anybody can make another; a digest with it would name only one of the two.
 */
export async function digestOf(token: string): Promise<string> {
  return base64UrlOf(await sha256(utf8Of(token.slice(0, token.lastIndexOf('.')))))
}

function jsonBytesOf(value: unknown): Uint8Array {
  return utf8Of(JSON.stringify(value ?? null))
}

const hex64 = /^[0-9a-f]{64}$/
const hex128 = /^[0-9a-f]{128}$/
const base64Url32 = /^[A-Za-z0-9_-]{43}$/

function textFrom(shape: Shape): string {
  return shape.string(tokenLimits.textMax)
}

function readAttestationToken(payload: Shape): AttestationTokenClaims {
  return payload.object('ignored', (fields) => {
    const { required, optional } = fields
    required(claimNames.version).oneOf([claimSetVersion])
    required(claimNames.attestationType).oneOf(['sgx'])
    const configId = optional(claimNames.configId)?.string(128, hex128)
    return {
      ...readDated(fields),
      id: textFrom(required(claimNames.id)),
      policyHash: textFrom(required(claimNames.policyHash)),
      mrEnclave: required(claimNames.mrEnclave).string(64, hex64),
      mrSigner: required(claimNames.mrSigner).string(64, hex64),
      isvProdId: required(claimNames.isvProdId).integer(0, 0xffff),
      isvSvn: required(claimNames.isvSvn).integer(0, 0xffff),
      debug: required(claimNames.debug).boolean(),
      reportData: required(claimNames.reportData).string(128, hex128),
      ...(configId === undefined ? {} : { configId }),
      tcbStatus: textFrom(required(claimNames.tcbStatus)),
      advisoryIds: required(claimNames.advisoryIds).list(tokenLimits.advisoriesMax, textFrom),
      simulated: required(claimNames.simulated).boolean(),
      evidenceRoot: required(claimNames.evidenceRoot).string(64, hex64),
      evidenceExpiresAt: required(claimNames.evidenceExpires).integer(0, Number.MAX_SAFE_INTEGER),
    }
  })
}

function readAccessToken(payload: Shape): Omit<AccessToken, 'signer' | 'digest'> {
  return payload.object('ignored', (fields) => {
    const { required, optional } = fields
    const mayAct = optional('may_act')?.object('ignored', (one) =>
      one.required('sub').oneOf(teeRoles),
    )
    const token = {
      ...readDated(fields),
      audience: textFrom(required('aud')),
      subject: required('sub').oneOf(teeRoles),
      id: textFrom(required('jti')),
      certificateSha256: required('cnf').object('ignored', (cnf) =>
        cnf.required('x5t#S256').string(43, base64Url32),
      ),
      purpose: textFrom(required('purpose')),
    }
    if (token.expiresAt - token.issuedAt > tokenLimits.accessLifetimeSecondsMax) {
      required('exp').fail('wrong-value', 'an access token that lives too long')
    }
    return {
      ...token,
      ...readAppraised(required('sealward'), token.subject),
      actors: readActors(optional('act'), tokenLimits.actorsMax),
      ...(mayAct === undefined ? {} : { mayAct }),
    }
  })
}

/** `act`, the last who acts first; each has the one before inside. */
function readActors(act: Shape | undefined, atMost: number): readonly Appraised[] {
  if (act === undefined) return []
  if (atMost === 0) return act.fail('too-many', `more than ${tokenLimits.actorsMax} actors`)
  return act.object('ignored', ({ required, optional }) => [
    readAppraised(required('sealward'), required('sub').oneOf(teeRoles)),
    ...readActors(optional('act'), atMost - 1),
  ])
}

function readAppraised(shape: Shape, subject: TeeRole): Appraised {
  return shape.object('ignored', ({ required, optional }) => {
    const model = optional('model')?.string(64, hex64)
    return {
      role: required('role').oneOf([subject]),
      deployment: textFrom(required('deployment')),
      mrEnclave: required('mrEnclave').string(64, hex64),
      mrSigner: required('mrSigner').string(64, hex64),
      isvProdId: required('isvProdId').integer(0, 0xffff),
      isvSvn: required('isvSvn').integer(0, 0xffff),
      debug: required('debug').boolean(),
      tcbStatus: textFrom(required('tcbStatus')),
      configId: required('configId').string(128, hex128),
      simulated: required('simulated').boolean(),
      policyHash: textFrom(required('policyHash')),
      attestationToken: required('attestationToken').string(43, base64Url32),
      attestationTokenId: textFrom(required('attestationTokenId')),
      platforms: required('platforms').list(tokenLimits.platformsMax, textFrom),
      ...(model === undefined ? {} : { model }),
    }
  })
}

function holderProblem(token: AccessToken, trust: AccessTokenTrust): Refusal | undefined {
  if (token.audience !== trust.audience) {
    return refuse('wrong-audience', 'aud', 'made for somebody else')
  }
  if (token.certificateSha256 !== trust.peerCertificateSha256) {
    return refuse('wrong-holder', 'cnf', 'shown by somebody who does not hold its key')
  }
  if (!trust.purposes.includes(token.purpose)) {
    return refuse('wrong-purpose', 'purpose', 'made for something else')
  }
  return undefined
}

/** The holder is who is expected here, and so is everybody who acts for it. */
function workloadsProblem(token: AccessToken, trust: AccessTokenTrust): Refusal | undefined {
  const own = appraisalProblem(token, trust.expectation, trust, '')
  if (own !== undefined) return own
  for (const [depth, actor] of token.actors.entries()) {
    const at = `act.${'act.'.repeat(depth)}`
    const expectation = trust.actors?.find(({ role }) => role === actor.role)
    if (expectation === undefined) {
      return refuse('actor-not-accepted', `${at}sub`, 'nobody of this role may act for the holder')
    }
    const problem = appraisalProblem(actor, expectation, trust, at)
    if (problem !== undefined) return problem
  }
  return undefined
}

function appraisalProblem(
  workload: Appraised,
  expectation: PeerExpectation,
  { deployment, development, policyHashes }: AccessTokenTrust,
  prefix: string,
): Refusal | undefined {
  const at = (field: string): string => `${prefix}sealward.${field}`
  if (!policyHashes.includes(workload.policyHash)) {
    return refuse('wrong-policy', at('policyHash'), 'appraised under another policy')
  }
  if (workload.deployment !== deployment) {
    return refuse('wrong-deployment', at('deployment'), 'another deployment')
  }
  if (workload.role !== expectation.role) {
    return refuse('wrong-role', `${prefix}sub`, 'another role')
  }
  if (!expectation.mrEnclave.includes(workload.mrEnclave)) {
    return refuse('wrong-measurement', at('mrEnclave'), 'software that is not expected here')
  }
  if (!expectation.mrSigner.includes(workload.mrSigner)) {
    return refuse('wrong-signer', at('mrSigner'), 'a vendor that is not expected here')
  }
  if (workload.isvProdId !== expectation.isvProdId) {
    return refuse('wrong-product', at('isvProdId'), 'another product')
  }
  if (workload.isvSvn < expectation.isvSvnMin) {
    return refuse('svn-too-low', at('isvSvn'), `at least ${expectation.isvSvnMin} expected`)
  }
  if (workload.debug && expectation.debug !== 'dangerously-allowed') {
    return refuse('debug', at('debug'), 'an enclave whose memory can be read from outside')
  }
  if (workload.simulated && !development) {
    return refuse('simulated', at('simulated'), 'a simulated TEE protects nothing')
  }
  if (!expectation.tcbStatuses.includes(workload.tcbStatus)) {
    return refuse('tcb-status', at('tcbStatus'), 'a platform in a state that is not accepted')
  }
  if (expectation.model !== undefined && workload.model !== expectation.model.sha256) {
    return refuse('wrong-model', at('model'), 'another model')
  }
  const accepted = expectation.configId?.map((sha256Hex) => sha256Hex.padEnd(128, '0'))
  if (accepted !== undefined && !accepted.includes(workload.configId)) {
    return refuse(
      'wrong-configuration',
      at('configId'),
      'a configuration that is not expected here',
    )
  }
  return undefined
}
