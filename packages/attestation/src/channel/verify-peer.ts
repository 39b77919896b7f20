/**
 * Who a peer is: verified from its evidence here, and by the attestation service's token, and both agree.
 *
 * @see docs/spec/evidence-document.md, docs/spec/tokens.md
 * @module
 */

import { bytesOfBase64Url, equalBytes, ok, type Result, type UnixSeconds } from '../bytes/index.ts'
import { type AppraisalCode, appraise, referenceValuesOf, type Verdict } from '../claims/index.ts'
import {
  type EndorsementsJson,
  type EvidenceDocument,
  evidenceOfCertificate,
  type PeerExpectation,
  parseEvidenceDocument,
} from '../evidence/index.ts'
import {
  type AttestationToken,
  claimNames,
  type DenyListTrust,
  deniableOf,
  deniedProblem,
  isSimulated,
  type SignatureTrust,
  type SigningKeys,
  type TokenCode,
  verifyAttestationToken,
  verifyDenyList,
} from '../token/index.ts'
import {
  type BindingCode,
  type BoundEvidence,
  intelSgxRootSpki,
  type VerificationCode,
  type Verified,
  verifyBindings,
  verifyRaTlsBinding,
  verifySgxEvidence,
} from '../verification/index.ts'
import { disagreementOf } from './agreement.ts'
import { decodeKeyConfigs, type KeyConfig } from './key-config.ts'
import { channelLimits } from './limits.ts'
import type { Check, CheckId, PeerFacts, PeerProblem, VerifiedPeer } from './peer.ts'

/** What is asked of a peer, and whose word is taken for it. */
export interface PeerTrust {
  /** The evidence document, as `JSON.parse` gave it. */
  readonly document: unknown
  /** The attestation token for the same evidence; `undefined` is refused as `token-missing`. */
  readonly token: string | undefined
  /** The 32 bytes that whoever asked for the evidence chose. */
  readonly nonce: Uint8Array
  readonly deployment: string
  readonly expectation: PeerExpectation
  /** Hex SHA-256 of the SPKI of each evidence root that is accepted. */
  readonly roots: readonly string[]
  readonly attestation: {
    readonly issuer: string
    readonly jwks: SigningKeys
    /** Base64url SHA-256 of the SPKI of each key whose tokens are believed. */
    readonly signers: readonly string[]
    /** Policies that are accepted, as `x-ms-policy-hash` has them; none at all accepts no token. */
    readonly policyHashes: readonly string[]
    /** Who has been denied: a list that was verified, or one as it came; or why nobody asks. */
    readonly denyList: DenyListTrust | { readonly text: string; readonly ageSecondsMax: number }
  }
  readonly at: UnixSeconds
  /** Seconds by which the attestation service's clock may differ; 60 unless said. */
  readonly clockSkewSeconds?: number
  /** Whether simulated evidence is let in. */
  readonly development: boolean
  /** Base64url SHA-256 of the certificate that the peer proved to hold, where it is met over TLS. */
  readonly certificateSha256?: string
}

/**
 * Verifies a peer, from its evidence and from its token.
 *
 * @returns the peer with every check that it passed, or a {@link PeerProblem}: the first check that failed,
 *   its code (one of {@link PeerCode}, or passed through from verification of evidence or token), and
 *   what had passed before.
 */
export async function verifyPeer(trust: PeerTrust): Promise<Result<VerifiedPeer, PeerProblem>> {
  if (trust.nonce.length !== channelLimits.nonceBytes) throw new RangeError('nonce: 32 bytes')
  return withChecks((checks) =>
    verify(trust, checks, async (bound, pass) => verifyFreshnessAndKeys(trust, bound, pass)),
  )
}

/** What is asked of a peer that is met over TLS, whose evidence is in its certificate. */
export interface PeerCertificateTrust
  extends Omit<PeerTrust, 'document' | 'nonce' | 'certificateSha256'> {
  /** DER of what the peer proved to hold on this connection. */
  readonly certificate: Uint8Array
  /** Of the quote in it: anybody may have brought them, for their vendor signed them. */
  readonly endorsements: EndorsementsJson
}

/**
 * Verifies a peer from the certificate that it shows on TLS: evidence in it, bound to its key, to its dates and to the
 * deployment; and from a token about that evidence.
 *
 * A handshake that the certificate took part in proves that the peer holds the certificate's key. Whether it holds the
 * identity key as well, and on this connection, is asked next: see docs/spec/attested-tls.md.
 *
 * @returns as {@link verifyPeer}.
 */
export async function verifyPeerCertificate(
  trust: PeerCertificateTrust,
): Promise<Result<VerifiedPeer, PeerProblem>> {
  return withChecks((checks) => {
    const document = evidenceOfCertificate(trust.certificate, trust.endorsements)
    if (!document.ok) {
      const { code, at, detail } = document.problem
      return fail('document', code === 'ra-tls-no-evidence' ? code : 'ra-tls-malformed', at, detail)
    }
    return verify({ ...trust, document: document.value }, checks, (bound, pass) =>
      verifyCertificate(trust, bound, pass),
    )
  })
}

async function withChecks(
  work: (checks: Check[]) => Promise<PeerFacts>,
): Promise<Result<VerifiedPeer, PeerProblem>> {
  const checks: Check[] = []
  try {
    const peer = (await work(checks)) as VerifiedPeer
    verifiedPeers.add(peer)
    return ok(peer)
  } catch (error) {
    if (error instanceof Refused)
      return { ok: false, problem: { ...error.refusal, passed: checks } }
    throw error
  }
}

/** Whether {@link verifyPeer} made this very object. A cast or a copy does not make a peer. */
export function isVerifiedPeer(value: unknown): value is VerifiedPeer {
  return typeof value === 'object' && value !== null && verifiedPeers.has(value)
}

const verifiedPeers = new WeakSet<object>()

type PeerRefusal = Omit<PeerProblem, 'passed'>

/** Leaves a check, is caught in {@link verifyPeer}, and is seen by nobody else. */
class Refused extends Error {
  readonly refusal: PeerRefusal
  constructor(refusal: PeerRefusal) {
    super(refusal.detail)
    this.refusal = refusal
  }
}

function fail(check: CheckId, code: PeerProblem['code'], at: string, detail: string): never {
  throw new Refused({ check, code, at, detail })
}

/** What does not depend on how the evidence came. */
type Trust = Omit<PeerTrust, 'nonce' | 'certificateSha256'>

async function verify(
  trust: Trust,
  checks: Check[],
  verifyMeeting: (bound: Verified<BoundEvidence>, pass: Pass) => Promise<readonly KeyConfig[]>,
): Promise<PeerFacts> {
  const pass = (id: CheckId, detail: string): void => {
    checks.push({ id, passed: true, detail })
  }

  // 1. The evidence is well-formed, and genuine: see verification/ for the procedure.
  const bound = await verifyEvidence(trust, pass)
  const { evidence, runtimeData, initTimeData } = bound

  // 2. It was made for us, now, and by the deployment that we mean.
  const keyConfigs = await verifyMeeting(bound, pass)
  verifyWhereabouts(trust, bound, pass)

  // 3. It is the software that we mean, in the state that we accept.
  const verdict = appraisePeer(trust, bound, pass)

  // 4. The attestation service came to the same conclusions.
  const { token, tokenText } = await verifyToken(trust, bound, pass)

  return Object.freeze({
    role: runtimeData.role,
    deployment: runtimeData.deployment,
    verifiedAt: trust.at,
    // It was parsed, with unknown fields refused, so it is one.
    document: trust.document as EvidenceDocument,
    evidence,
    runtimeData,
    initTimeData,
    token,
    tokenText,
    verdict,
    simulated: isSimulated(evidence),
    checks: Object.freeze([...checks]),
    keyConfigs,
  })
}

type Pass = (id: CheckId, detail: string) => void

async function verifyEvidence(trust: Trust, pass: Pass): Promise<Verified<BoundEvidence>> {
  const document = parseEvidenceDocument(trust.document)
  if (!document.ok) {
    const { code, at, detail } = document.problem
    return fail('document', 'document-malformed', at, `${code}: ${detail}`)
  }
  pass('document', 'quote, runtime data, init-time data and endorsements are there')
  const evidence = await verifySgxEvidence({
    quote: document.value.quote,
    endorsements: document.value.endorsements,
    roots: trust.roots,
    at: trust.at,
  })
  if (!evidence.ok) {
    const { code, at, detail } = evidence.problem
    return fail(evidenceChecks[code] ?? 'document', code, at, detail)
  }
  const root = isSimulated(evidence.value) ? 'the sample root' : 'Intel’s root'
  const { rootSpkiSha256, tcbEvaluationDataNumber } = evidence.value
  pass('certificate-chain', `all chains end in ${root}, ${rootSpkiSha256}`)
  pass('revocation', 'no certificate is revoked, by lists that are current')
  pass('tcb-info', `signed and current, evaluation ${tcbEvaluationDataNumber}`)
  pass('qe-identity', 'the quoting enclave is the vendor’s, and its identity is signed and current')
  pass('quote-signature', 'the quote is signed by a key of that quoting enclave')
  const bound = await verifyBindings(evidence.value, document.value)
  if (!bound.ok) {
    const { code, at, detail } = bound.problem
    return fail(bindingChecks[code], code, at, detail)
  }
  return bound.value
}

/** What verification of SGX evidence can answer; codes of other TEEs are no part of it. */
const evidenceChecks: Readonly<Partial<Record<VerificationCode, CheckId>>> = {
  'quote-malformed': 'document',
  'endorsements-malformed': 'document',
  'missing-endorsements': 'document',
  'tee-mismatch': 'document',
  chain: 'certificate-chain',
  'root-not-trusted': 'certificate-chain',
  'certificate-not-yet-valid': 'certificate-chain',
  'certificate-expired': 'certificate-chain',
  'crl-signature': 'revocation',
  'crl-not-yet-valid': 'revocation',
  'crl-expired': 'revocation',
  revoked: 'revocation',
  'tcb-info-signature': 'tcb-info',
  'tcb-info-not-yet-valid': 'tcb-info',
  'tcb-info-expired': 'tcb-info',
  'qe-identity-signature': 'qe-identity',
  'qe-identity-not-yet-valid': 'qe-identity',
  'qe-identity-expired': 'qe-identity',
  'qe-report-signature': 'qe-identity',
  'qe-identity-mismatch': 'qe-identity',
  'attestation-key-binding': 'quote-signature',
  'quote-signature': 'quote-signature',
  'fmspc-mismatch': 'tcb',
  'pceid-mismatch': 'tcb',
  'tcb-level-not-found': 'tcb',
  'tcb-revoked': 'tcb',
}

const bindingChecks: Readonly<Record<BindingCode, CheckId>> = {
  'quote-mismatch': 'document',
  'runtime-data-binding': 'key-binding',
  'identity-key-id': 'key-binding',
  'encryption-key-id': 'key-binding',
  'init-time-data-binding': 'configuration',
  'runtime-init-time-mismatch': 'configuration',
}

function verifyFreshnessAndKeys(
  { nonce, certificateSha256 }: PeerTrust,
  { runtimeData }: BoundEvidence,
  pass: Pass,
): readonly KeyConfig[] {
  const echoed = bytesOfBase64Url(runtimeData.nonce)
  if (echoed === undefined || !equalBytes(nonce, echoed)) {
    return fail(
      'nonce',
      'nonce-mismatch',
      'runtimeData.nonce',
      'evidence made for another question',
    )
  }
  pass('nonce', 'the evidence was made for this very question')
  if (certificateSha256 !== undefined && runtimeData.tls?.['x5t#S256'] !== certificateSha256) {
    const at = 'runtimeData.tls'
    return fail(
      'key-binding',
      'certificate-mismatch',
      at,
      'another certificate than on this connection',
    )
  }
  const keyConfigs = keyConfigsOf(runtimeData.ohttp)
  pass('key-binding', `keys of the evidence: ${runtimeData.keys[0].kid}`)
  return keyConfigs
}

async function verifyCertificate(
  { certificate, at, clockSkewSeconds = 60 }: PeerCertificateTrust,
  { evidence, runtimeData }: Verified<BoundEvidence>,
  pass: Pass,
): Promise<readonly KeyConfig[]> {
  const binding = await verifyRaTlsBinding(evidence, certificate)
  if (!binding.ok) {
    const { code, at: where, detail } = binding.problem
    return fail('key-binding', code, where, detail)
  }
  const { notBefore, notAfter } = binding.value
  if (at < notBefore - clockSkewSeconds) {
    fail('nonce', 'certificate-not-yet-valid', 'certificate.notBefore', 'from the future')
  }
  if (at >= notAfter) {
    fail('nonce', 'certificate-expired', 'certificate.notAfter', 'its evidence has ended')
  }
  if (notAfter - notBefore > channelLimits.certificateSecondsMax) {
    fail('nonce', 'ra-tls-validity', 'certificate.notAfter', 'made to be shown for too long')
  }
  pass('nonce', `the evidence was made for a certificate that ends ${textOfTime(notAfter)}`)
  const keyConfigs = keyConfigsOf(runtimeData.ohttp)
  pass('key-binding', `the certificate’s own key, and ${runtimeData.keys[0].kid}`)
  return keyConfigs
}

function textOfTime(at: UnixSeconds): string {
  return new Date(at * 1000).toISOString()
}

function keyConfigsOf(ohttp: string | undefined): readonly KeyConfig[] {
  if (ohttp === undefined) return []
  const bytes = bytesOfBase64Url(ohttp)
  const configs = bytes && decodeKeyConfigs(bytes)
  return configs?.ok
    ? configs.value
    : fail('key-binding', 'key-config', 'runtimeData.ohttp', 'no key that can be sealed to')
}

function verifyWhereabouts(
  { deployment, expectation, development }: Trust,
  { runtimeData, initTimeData }: BoundEvidence,
  pass: Pass,
): void {
  if (runtimeData.deployment !== deployment || initTimeData.deployment !== deployment) {
    fail('deployment', 'wrong-deployment', 'runtimeData.deployment', 'another deployment')
  }
  pass('deployment', deployment)
  if (runtimeData.role !== expectation.role || initTimeData.role !== expectation.role) {
    fail('role', 'wrong-role', 'runtimeData.role', `${expectation.role} expected`)
  }
  pass('role', expectation.role)
  if (initTimeData.development && !development) {
    fail('configuration', 'configuration', 'initTimeData.development', 'configured for development')
  }
}

/** The checks that appraisal stands for, each with the codes that fail it. */
const appraisalChecks: Readonly<
  Partial<Record<AppraisalCode, readonly [check: CheckId, code: PeerProblem['code']]>>
> = {
  'wrong-config-id': ['configuration', 'configuration'],
  'wrong-mr-enclave': ['measurement', 'measurement'],
  'wrong-mr-signer': ['signer', 'signer'],
  'wrong-isv-prod-id': ['product', 'product'],
  'wrong-isv-svn': ['product', 'svn-too-low'],
  debug: ['debug', 'debug'],
  'wrong-tcb-status': ['tcb', 'tcb-status'],
  // Neither is asked of a peer: the nonce and the dates of TCB info are what bounds age.
  'wrong-report-data': ['key-binding', 'runtime-data-binding'],
  'wrong-tcb-evaluation-data-number': ['tcb', 'tcb-status'],
}

function checkOf(code: string): readonly [check: CheckId, code: PeerProblem['code']] {
  return appraisalChecks[code as AppraisalCode] ?? ['measurement', 'measurement']
}

function appraisePeer(trust: Trust, bound: BoundEvidence, pass: Pass): Verdict {
  const { evidence, runtimeData } = bound
  const { expectation, deployment, development } = trust
  const verdict = appraise(evidence, referenceValuesOf(expectation, deployment), {
    at: trust.at,
    deployment,
  })
  if (verdict.kind === 'none')
    return fail('measurement', 'measurement', '', 'nothing to compare with')
  const problems = verdict.kind === 'contraindicated' ? verdict.problems : []
  const ask = (id: CheckId, detail: string): void => {
    const found = problems.find(({ code }) => checkOf(code)[0] === id)
    if (found === undefined) pass(id, detail)
    else fail(id, checkOf(found.code)[1], found.at, found.detail)
  }
  ask('configuration', configurationDetailOf(expectation, evidence.configId))
  ask('measurement', evidence.mrEnclave)
  ask('signer', evidence.mrSigner)
  ask('product', `product ${evidence.isvProdId}, security version ${evidence.isvSvn}`)
  ask('debug', evidence.debug ? 'a debug enclave, dangerously allowed' : 'not a debug enclave')
  ask('tcb', [`the platform is ${evidence.tcbStatus}`, ...evidence.advisoryIds].join(', '))
  const [other] = problems
  // Nothing may be left that no check stands for.
  if (other !== undefined) fail('measurement', 'measurement', other.at, other.detail)
  if (isSimulated(evidence) && !development) {
    const { sha256 } = intelSgxRootSpki
    fail(
      'simulated',
      'simulated',
      'rootSpkiSha256',
      `a simulated TEE protects nothing; ${sha256} expected`,
    )
  }
  pass('simulated', isSimulated(evidence) ? 'simulated, allowed in development' : 'real silicon')
  if (expectation.model !== undefined) {
    if (runtimeData.model?.sha256 !== expectation.model.sha256) {
      fail('model', 'model', 'runtimeData.model', `${expectation.model.sha256} expected`)
    }
    pass('model', expectation.model.sha256)
  }
  return verdict
}

function configurationDetailOf({ configId }: PeerExpectation, found: string): string {
  const measured = found.slice(0, 64)
  return configId === undefined
    ? `measured: ${measured}; none in particular is expected`
    : `the configuration expected: ${measured}`
}

async function verifyToken(
  trust: Trust,
  bound: BoundEvidence,
  pass: Pass,
): Promise<{ readonly token: Verified<AttestationToken>; readonly tokenText: string }> {
  const { token: tokenText, attestation, at, clockSkewSeconds = 60 } = trust
  if (tokenText === undefined) {
    return fail('token-signature', 'token-missing', 'token', 'the attestation service said nothing')
  }
  const service = { ...attestation, at, clockSkewSeconds }
  const token = await verifyAttestationToken(tokenText, {
    ...service,
    denyList: { unchecked: 'a check of its own, below' },
  })
  if (!token.ok) {
    const { code, at: where, detail } = token.problem
    return fail(tokenChecks[code] ?? 'token-signature', code, `token.${where}`, detail)
  }
  const { signer, issuer, expiresAt, policyHash } = token.value
  pass('token-signature', `signed by ${signer}`)
  pass('token-issuer', issuer)
  pass('token-time', `valid until ${textOfTime(expiresAt)}`)
  if (!attestation.policyHashes.includes(policyHash)) {
    return fail(
      'token-policy',
      'token-policy',
      claimNames.policyHash,
      'issued under another policy',
    )
  }
  pass('token-policy', policyHash)
  const denyList = await readDenyList(service)
  const denied = deniedProblem([deniableOf(token.value.claims, token.value.digest)], {
    ...service,
    denyList,
  })
  if (denied !== undefined) {
    return fail('not-denied', denied.problem.code, denied.problem.at, denied.problem.detail)
  }
  pass('not-denied', denyListDetailOf(denyList))
  const disagreement = disagreementOf(token.value, bound)
  if (disagreement !== undefined) {
    return fail('token-agrees', 'token-disagrees', disagreement, 'not what was verified here')
  }
  pass('token-agrees', 'every claim is what was verified here')
  return { token: token.value, tokenText }
}

async function readDenyList({
  denyList,
  ...trust
}: SignatureTrust & Pick<PeerTrust['attestation'], 'denyList'>): Promise<DenyListTrust> {
  if (!('text' in denyList)) return denyList
  const list = await verifyDenyList(denyList.text, trust)
  if (list.ok) return { list: list.value, ageSecondsMax: denyList.ageSecondsMax }
  return fail('not-denied', list.problem.code, `denyList.${list.problem.at}`, list.problem.detail)
}

function denyListDetailOf(denyList: DenyListTrust): string {
  return 'unchecked' in denyList
    ? `not asked: ${denyList.unchecked}`
    : `nothing of it is on the deny list ${denyList.list.sequence}`
}

const tokenChecks: Readonly<Partial<Record<TokenCode, CheckId>>> = {
  'wrong-issuer': 'token-issuer',
  expired: 'token-time',
  'not-yet-valid': 'token-time',
}
