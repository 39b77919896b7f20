import { base64UrlOf, ok, type Result, textOf } from '@sealward/attestation/bytes'
import { type VerifiedPeer, verifyPeerCertificate } from '@sealward/attestation/channel'
import {
  type EndorsementsJson,
  evidenceOfCertificate,
  parseEvidenceDocument,
  type TeeRole,
} from '@sealward/attestation/evidence'
import {
  type DenyListTrust,
  deniableOf,
  deniedProblem,
  type SigningKeys,
} from '@sealward/attestation/token'
import { createHttpClient } from '../http/http-client.ts'
import { identityLimits } from '../identity/limits.ts'
import { failure, failureOf, kindOf, type PeerFailure, unreadable } from './peer-failure.ts'
import { expectationOf, type PeerTrust } from './peer-trust.ts'

/** What a peer showed on TLS, and what its vendor says of the platform that it runs on. */
export interface ShownCertificate {
  /** Roles that it may have: one of them it says that it has. */
  readonly roles: readonly TeeRole[]
  /** DER. */
  readonly certificate: Uint8Array
  readonly endorsements: EndorsementsJson
}

/**
 * Verifies a peer both ways: the evidence in its certificate here, and the attestation service's token about that
 * evidence. Both must agree with each other and with what the measured configuration expects.
 */
export async function verifyAttestedCertificate(
  trust: PeerTrust,
  { roles, certificate, endorsements }: ShownCertificate,
): Promise<Result<VerifiedPeer, PeerFailure>> {
  const document = evidenceOfCertificate(certificate, endorsements)
  if (!document.ok) return unreadable(document.problem)
  const parsed = parseEvidenceDocument(document.value)
  if (!parsed.ok) return unreadable(parsed.problem)
  const role = roles.find((one) => one === parsed.value.runtimeData.role)
  if (role === undefined) {
    return failure('refused', 'wrong-role', 'runtimeData.role', `${roles.join(' or ')} expected`)
  }
  const { initTimeData } = trust
  const expectation = expectationOf(initTimeData, role)
  if (expectation === undefined) {
    return failure('refused', 'configuration', 'peers', 'No such peer is expected.')
  }
  const verify = (
    token: string | undefined,
    jwks: SigningKeys,
    denyList: DenyListTrust,
  ): ReturnType<typeof verifyPeerCertificate> =>
    verifyPeerCertificate({
      certificate,
      endorsements,
      token,
      deployment: initTimeData.deployment,
      expectation,
      roots: initTimeData.roots,
      attestation: {
        issuer: initTimeData.attestation.issuer,
        jwks,
        signers: initTimeData.attestation.signers,
        policyHashes: initTimeData.attestation.policyHashes,
        denyList,
      },
      at: trust.clock.now(),
      development: initTimeData.development,
    })
  // The attestation service is asked about those only to whom nothing else is wanting.
  const alone = await verify(undefined, { keys: [] }, { unchecked: 'there is no token yet' })
  if (!alone.ok && alone.problem.code !== 'token-missing') {
    return failureOf(kindOf(alone.problem), alone.problem)
  }
  const token = await attest(trust, document.value)
  if (!token.ok) return token
  const denyList = await trust.denyList.trust()
  if (!denyList.ok) return failureOf('unavailable', denyList.problem)
  const keys = await trust.signerKeys.keys()
  if (!keys.ok) return failureOf('unavailable', keys.problem)
  let peer = await verify(token.value, keys.value, denyList.value)
  if (!peer.ok && peer.problem.code === 'unknown-signer') {
    // The attestation service may have a new key since its keys were fetched.
    const fresh = await trust.signerKeys.refresh()
    if (!fresh.ok) return failureOf('unavailable', fresh.problem)
    peer = await verify(token.value, fresh.value, denyList.value)
  }
  return peer.ok ? peer : failureOf(kindOf(peer.problem), peer.problem)
}

/** Why a peer that was verified before is spoken to no longer: it was denied since, or nobody knows who was. */
export async function standingProblem(
  { clock, denyList, initTimeData }: PeerTrust,
  { token }: VerifiedPeer,
): Promise<{ readonly ok: false; readonly problem: PeerFailure } | undefined> {
  const list = await denyList.trust()
  if (!list.ok) return failureOf('unavailable', list.problem)
  const denied = deniedProblem([deniableOf(token.claims, token.digest)], {
    denyList: list.value,
    issuer: initTimeData.attestation.issuer,
    at: clock.now(),
  })
  return denied && failureOf(kindOf(denied.problem), denied.problem)
}

/** Has the attestation service appraise evidence, as a background check. */
export async function attest(
  trust: PeerTrust,
  document: unknown,
): Promise<Result<string, PeerFailure>> {
  const parsed = parseEvidenceDocument(document)
  if (!parsed.ok)
    return failure('refused', parsed.problem.code, parsed.problem.at, parsed.problem.detail)
  const { quote, runtimeDataBytes, claimsBytes, initTimeDataBytes } = parsed.value
  const url = `${trust.attestationUrl}/attest/SgxEnclave?api-version=2025-06-01`
  const http = createHttpClient({
    secondsMax: identityLimits.answerSecondsMax,
    answerBytesMax: identityLimits.answerBytesMax,
  })
  const answer = await http.send({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      quote: base64UrlOf(quote),
      runtimeData:
        claimsBytes === undefined
          ? { data: base64UrlOf(runtimeDataBytes), dataType: 'JSON' }
          : { data: base64UrlOf(claimsBytes), dataType: 'Binary' },
      initTimeData: { data: base64UrlOf(initTimeDataBytes), dataType: 'JSON' },
    }),
  })
  await http.close()
  if (!answer.ok || answer.value.status >= 500 || answer.value.status === 429) {
    const detail = answer.ok
      ? 'The attestation service cannot work now.'
      : 'The attestation service does not answer.'
    return failure('unavailable', 'attestation-unavailable', 'attest', detail)
  }
  const { status, body } = answer.value
  const token = tokenIn(textOf(body) ?? '')
  return status === 200 && token !== undefined
    ? ok(token)
    : failure(
        'refused',
        'attestation-refused',
        'attest',
        'The attestation service refuses the evidence.',
      )
}

function tokenIn(text: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    const token =
      typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'token') : undefined
    return typeof token === 'string' ? token : undefined
  } catch {
    return undefined
  }
}
