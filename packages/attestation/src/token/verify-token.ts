/**
 * Verification of the attestation service's tokens.
 *
 * @see RFC 7515, RFC 7519, RFC 8725; Azure Attestation; docs/spec/tokens.md
 * @module
 */

import { compactVerify, errors } from 'jose'
import {
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
  sha256,
  type UnixSeconds,
  utf8Of,
} from '../bytes/index.ts'
import {
  type PeerExpectation,
  parseInitTimeData,
  parseRuntimeData,
  teeRoles,
} from '../evidence/index.ts'
import type { Verified } from '../verification/index.ts'
import { tokenLimits } from './limits.ts'
import { claimNames, claimSetVersion } from './names.ts'
import {
  pinnedSigner,
  type TokenAlgorithm,
  tokenAlgorithms,
  verificationKeyOf,
} from './signing-key.ts'
import type { AccessToken, AttestationToken, SigningKeys, TokenProblem } from './token.ts'

/** Whose tokens are believed, and when. */
export interface TokenTrust {
  /** The issuer, compared character by character. */
  readonly issuer: string
  /** What the issuer published. Which of these keys is believed, `signers` says. */
  readonly jwks: SigningKeys
  /** Base64url SHA-256 of the SPKI of each key whose signature is believed. */
  readonly signers: readonly string[]
  readonly at: UnixSeconds
  /** Seconds by which the two clocks may differ, in both directions; at most 300. */
  readonly clockSkewSeconds: number
}

/** What is asked of whoever shows an access token. */
export interface AccessTokenTrust extends TokenTrust {
  readonly audience: string
  /** Base64url SHA-256 of the DER of the certificate that the peer proved to hold on this connection. */
  readonly peerCertificateSha256: string
  /** Policies that are accepted, as `x-ms-policy-hash` has them; none at all accepts no token. */
  readonly policyHashes: readonly string[]
  readonly expectation: PeerExpectation
  readonly deployment: string
  /** Whether simulated evidence is let in: true only for a development deployment. */
  readonly development: boolean
  /** Remembers a `jti`; answers whether this use of it is admitted. Asked last, and only once. */
  readonly admitJti: (jti: string, expiresAt: UnixSeconds) => boolean | Promise<boolean>
}

/**
 * Verifies an attestation token: signature by a pinned key, issuer, time, and the shape of its claims.
 *
 * What the claims say is not judged here. `jku` and any other address in the token is not looked at.
 *
 * @param token - a compact JWS.
 * @returns the token, or `token-malformed`, `token-too-large`, `unsecured`, `wrong-algorithm`, `wrong-type`,
 *   `unknown-signer`, `bad-signature`, `wrong-issuer`, `expired`, `not-yet-valid`, `claim-missing`.
 */
export async function verifyAttestationToken(
  token: string,
  trust: TokenTrust,
): Promise<Result<Verified<AttestationToken>, TokenProblem>> {
  const signed = await verifySignature(token, ['JWT'], trust)
  if (!signed.ok) return signed
  const read = reading(signed.value.payload, '', readAttestationToken)
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
    digest: base64UrlOf(await sha256(utf8Of(token))),
    claims: payload,
  }
  const problem = issuerAndTimeProblem(result, trust)
  return problem ?? ok(result as Verified<AttestationToken>)
}

/**
 * Verifies an access token and whoever shows it.
 *
 * @param token - a compact JWS of type `at+jwt`.
 * @returns the token, or one of {@link TokenCode}. `admitJti` is asked only when all else is right.
 */
export async function verifyAccessToken(
  token: string,
  trust: AccessTokenTrust,
): Promise<Result<Verified<AccessToken>, TokenProblem>> {
  const signed = await verifySignature(token, ['at+jwt', 'application/at+jwt'], trust)
  if (!signed.ok) return signed
  const read = reading(signed.value.payload, '', readAccessToken)
  if (!read.ok) return misshapen(read.problem)
  const result: AccessToken = { ...read.value, signer: signed.value.signer }
  const problem =
    issuerAndTimeProblem(result, trust) ??
    holderProblem(result, trust) ??
    policyProblem(result, trust) ??
    expectationProblem(result, trust)
  if (problem !== undefined) return problem
  return (await trust.admitJti(result.id, result.expiresAt))
    ? ok(result as Verified<AccessToken>)
    : refuse('replayed', 'jti', 'the token was shown before, elsewhere')
}

export type Refusal = { readonly ok: false; readonly problem: TokenProblem }

export interface SignedPayload {
  readonly payload: Readonly<Record<string, unknown>>
  readonly signer: string
}

/** The payload of a compact JWS that a pinned key signed. */
export async function verifySignature(
  token: string,
  types: readonly string[],
  trust: TokenTrust,
): Promise<Result<SignedPayload, TokenProblem>> {
  const { clockSkewSeconds } = trust
  if (clockSkewSeconds < 0 || clockSkewSeconds > tokenLimits.clockSkewSecondsMax) {
    throw new RangeError(`clockSkewSeconds: 0 to ${tokenLimits.clockSkewSecondsMax}`)
  }
  if (token.length > tokenLimits.charactersMax) {
    return refuse('token-too-large', '', `more than ${tokenLimits.charactersMax} characters`)
  }
  const [encodedHeader = '', encodedPayload = '', signature, ...more] = token.split('.')
  if (signature === undefined || more.length > 0) {
    return refuse('token-malformed', '', 'three parts expected')
  }
  const header = objectOf(encodedHeader)
  if (header === undefined) return refuse('token-malformed', 'header', 'not a JSON object')
  const { alg, kid, typ, crit } = header
  if (typeof alg === 'string' && alg.toLowerCase() === 'none') {
    return refuse('unsecured', 'header.alg', 'a token without a signature proves nothing')
  }
  if (crit !== undefined) return refuse('token-malformed', 'header.crit', 'unknown extension')
  const algorithm = tokenAlgorithms.find((one) => one === alg)
  if (algorithm === undefined) {
    return refuse('wrong-algorithm', 'header.alg', 'known: RS256 and ES256')
  }
  if (typeof typ !== 'string' || !types.includes(typ)) {
    return refuse('wrong-type', 'header.typ', `${types[0]} expected`)
  }
  if (typeof kid !== 'string') return refuse('unknown-signer', 'header.kid', 'no key is named')
  const signer = await pinnedSigner(trust.jwks, kid, trust.signers)
  if (signer === undefined) {
    return refuse('unknown-signer', 'header.kid', 'the key is not published or not pinned')
  }
  const key = await verificationKeyOf(signer, algorithm)
  if (key === undefined) {
    return refuse('wrong-algorithm', 'header.alg', 'the key is not one for this algorithm')
  }
  if (!(await isSignedBy(token, key, algorithm))) {
    return refuse('bad-signature', 'signature', 'not made by this key over these bytes')
  }
  const payload = objectOf(encodedPayload)
  if (payload === undefined) return refuse('token-malformed', 'payload', 'not a JSON object')
  return ok({ payload, signer: signer.pin })
}

async function isSignedBy(
  token: string,
  key: CryptoKey,
  algorithm: TokenAlgorithm,
): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [algorithm] })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}

function objectOf(encoded: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = bytesOfBase64Url(encoded)
  const limits = { bytesMax: tokenLimits.charactersMax, depthMax: tokenLimits.depthMax }
  const json = bytes && jsonOf(bytes, limits)
  if (!json?.ok) return undefined
  const { value } = json
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : undefined
}

function jsonBytesOf(value: unknown): Uint8Array {
  return utf8Of(JSON.stringify(value ?? null))
}

function misshapen({ code, at, detail }: Problem): Refusal {
  return refuse(code === 'field-missing' ? 'claim-missing' : 'token-malformed', at, detail)
}

const hex64 = /^[0-9a-f]{64}$/
const hex128 = /^[0-9a-f]{128}$/
const base64Url32 = /^[A-Za-z0-9_-]{43}$/
const instantMax = 253_402_300_799

function textFrom(shape: Shape): string {
  return shape.string(tokenLimits.textMax)
}

function instantFrom(shape: Shape): UnixSeconds {
  return shape.integer(0, instantMax)
}

function readAttestationToken(
  payload: Shape,
): Omit<AttestationToken, 'signer' | 'digest' | 'claims' | 'runtimeData' | 'initTimeData'> {
  return payload.object('ignored', ({ required, optional }) => {
    required(claimNames.version).oneOf([claimSetVersion])
    required(claimNames.attestationType).oneOf(['sgx'])
    const configId = optional(claimNames.configId)?.string(128, hex128)
    return {
      issuer: textFrom(required(claimNames.issuer)),
      issuedAt: instantFrom(required(claimNames.issuedAt)),
      notBefore: instantFrom(required(claimNames.notBefore)),
      expiresAt: instantFrom(required(claimNames.expiresAt)),
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
      evidenceExpiresAt: instantFrom(required(claimNames.evidenceExpires)),
    }
  })
}

function readAccessToken(payload: Shape): Omit<AccessToken, 'signer'> {
  return payload.object('ignored', ({ required }) => {
    const token = {
      issuer: textFrom(required('iss')),
      audience: textFrom(required('aud')),
      subject: required('sub').oneOf(teeRoles),
      issuedAt: instantFrom(required('iat')),
      notBefore: instantFrom(required('nbf')),
      expiresAt: instantFrom(required('exp')),
      id: textFrom(required('jti')),
      certificateSha256: required('cnf').object('ignored', (cnf) =>
        cnf.required('x5t#S256').string(43, base64Url32),
      ),
      purpose: textFrom(required('purpose')),
    }
    if (token.expiresAt - token.issuedAt > tokenLimits.accessLifetimeSecondsMax) {
      required('exp').fail('wrong-value', 'an access token that lives too long')
    }
    return required('sealward').object('ignored', (fields) => {
      fields.required('role').oneOf([token.subject])
      const model = fields.optional('model')?.string(64, hex64)
      return {
        ...token,
        deployment: textFrom(fields.required('deployment')),
        mrEnclave: fields.required('mrEnclave').string(64, hex64),
        mrSigner: fields.required('mrSigner').string(64, hex64),
        isvProdId: fields.required('isvProdId').integer(0, 0xffff),
        isvSvn: fields.required('isvSvn').integer(0, 0xffff),
        debug: fields.required('debug').boolean(),
        tcbStatus: textFrom(fields.required('tcbStatus')),
        configId: fields.required('configId').string(128, hex128),
        simulated: fields.required('simulated').boolean(),
        policyHash: textFrom(fields.required('policyHash')),
        attestationToken: fields.required('attestationToken').string(43, base64Url32),
        ...(model === undefined ? {} : { model }),
      }
    })
  })
}

export function issuerAndTimeProblem(
  token: Pick<AttestationToken, 'issuer' | 'issuedAt' | 'notBefore' | 'expiresAt'>,
  { issuer, at, clockSkewSeconds }: TokenTrust,
): Refusal | undefined {
  if (token.issuer !== issuer) return refuse('wrong-issuer', 'iss', 'another issuer')
  if (at >= token.expiresAt + clockSkewSeconds) return refuse('expired', 'exp', 'its time is over')
  if (at < token.notBefore - clockSkewSeconds || at < token.issuedAt - clockSkewSeconds) {
    return refuse('not-yet-valid', 'nbf', 'its time has not come')
  }
  return undefined
}

function holderProblem(token: AccessToken, trust: AccessTokenTrust): Refusal | undefined {
  if (token.audience !== trust.audience) {
    return refuse('wrong-audience', 'aud', 'made for somebody else')
  }
  if (token.certificateSha256 !== trust.peerCertificateSha256) {
    return refuse('wrong-holder', 'cnf', 'shown by somebody who does not hold its key')
  }
  return undefined
}

function policyProblem(
  { policyHash }: AccessToken,
  { policyHashes }: AccessTokenTrust,
): Refusal | undefined {
  return policyHashes.includes(policyHash)
    ? undefined
    : refuse('wrong-policy', 'sealward.policyHash', 'appraised under another policy')
}

function expectationProblem(
  token: AccessToken,
  { deployment, expectation, development }: AccessTokenTrust,
): Refusal | undefined {
  const at = (field: string): string => `sealward.${field}`
  if (token.deployment !== deployment) {
    return refuse('wrong-deployment', at('deployment'), 'another deployment')
  }
  if (token.subject !== expectation.role) return refuse('wrong-role', 'sub', 'another role')
  if (!expectation.mrEnclave.includes(token.mrEnclave)) {
    return refuse('wrong-measurement', at('mrEnclave'), 'software that is not expected here')
  }
  if (!expectation.mrSigner.includes(token.mrSigner)) {
    return refuse('wrong-signer', at('mrSigner'), 'a vendor that is not expected here')
  }
  if (token.isvProdId !== expectation.isvProdId) {
    return refuse('wrong-product', at('isvProdId'), 'another product')
  }
  if (token.isvSvn < expectation.isvSvnMin) {
    return refuse('svn-too-low', at('isvSvn'), `at least ${expectation.isvSvnMin} expected`)
  }
  if (token.debug && expectation.debug !== 'dangerously-allowed') {
    return refuse('debug', at('debug'), 'an enclave whose memory can be read from outside')
  }
  if (token.simulated && !development) {
    return refuse('simulated', at('simulated'), 'a simulated TEE protects nothing')
  }
  if (!expectation.tcbStatuses.includes(token.tcbStatus)) {
    return refuse('tcb-status', at('tcbStatus'), 'a platform in a state that is not accepted')
  }
  if (expectation.model !== undefined && token.model !== expectation.model.sha256) {
    return refuse('wrong-model', at('model'), 'another model')
  }
  const accepted = expectation.configId?.map((sha256Hex) => sha256Hex.padEnd(128, '0'))
  if (accepted !== undefined && !accepted.includes(token.configId)) {
    return refuse(
      'wrong-configuration',
      at('configId'),
      'a configuration that is not expected here',
    )
  }
  return undefined
}
