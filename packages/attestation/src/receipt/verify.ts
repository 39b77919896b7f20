/**
 * Offline verification of a receipt, in named steps.
 *
 * @see docs/spec/receipt.md
 * @module
 */

import { ok, type Result, type UnixSeconds } from '../bytes/index.ts'
import { disagreementOf } from '../channel/index.ts'
import { appraise, referenceValuesOf } from '../claims/index.ts'
import { type EvidenceDocument, parseEvidenceDocument, type TeeRole } from '../evidence/index.ts'
import { isSimulated, verifyAttestationToken } from '../token/index.ts'
import {
  type BoundEvidence,
  type Verified,
  verifyBindings,
  verifySgxEvidence,
} from '../verification/index.ts'
import { evidenceDigestOf, statementDigestOf } from './digests.ts'
import { isSignedWithEs256 } from './es256.ts'
import { receiptLimits } from './limits.ts'
import { type ParsedReceipt, parseReceipt } from './parse.ts'
import type {
  ReceiptModel,
  ReceiptParty,
  ReceiptPayload,
  ReceiptProblem,
  ReceiptReport,
  ReceiptStep,
} from './receipt.ts'
import { type Statement, verifyStatement } from './statement.ts'

/** What an auditor brings along. */
export interface ReceiptTrust {
  /** Hex SHA-256 of the SPKI of each evidence root that is accepted. */
  readonly roots: readonly string[]
  /** Base64url SHA-256 of the SPKI of the attestation service's keys; absent: those that the platform's measured configuration names. */
  readonly signers?: readonly string[]
  /** The instant of the audit: a receipt from after it is refused. */
  readonly at?: UnixSeconds
}

/**
 * Verifies a receipt, without any network.
 *
 * Evidence is verified as of the instant that the receipt names for it, which must lie within what the
 * endorsements say of themselves: nobody's later word is needed, and none is heard.
 *
 * @param json - the receipt, as `JSON.parse` gave it.
 * @returns what it says and how each step passed, or a {@link ReceiptProblem} with the step that failed.
 */
export async function verifyReceipt(
  json: unknown,
  trust: ReceiptTrust,
): Promise<Result<ReceiptReport, ReceiptProblem>> {
  const steps: { step: ReceiptStep; detail: string }[] = []
  try {
    return ok(await verify(json, trust, (step, detail) => steps.push({ step, detail }), steps))
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const passed = steps.map(({ step }) => step)
    return { ok: false, problem: { ...error.refusal, passed } }
  }
}

type Refusal = Omit<ReceiptProblem, 'passed'>

/** Leaves a step, is caught in {@link verifyReceipt}, and is seen by nobody else. */
class Refused extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.detail)
    this.refusal = refusal
  }
}

function fail(step: ReceiptStep, code: Refusal['code'], at: string, detail: string): never {
  throw new Refused({ step, code, at, detail })
}

type Pass = (step: ReceiptStep, detail: string) => void

async function verify(
  json: unknown,
  trust: ReceiptTrust,
  pass: Pass,
  steps: ReceiptReport['steps'],
): Promise<ReceiptReport> {
  // 1. It is a receipt.
  const parsed = parseReceipt(json)
  if (!parsed.ok) {
    return fail('format', 'receipt-malformed', parsed.problem.at, parsed.problem.detail)
  }
  const receipt = parsed.value
  const { payload, attachments } = receipt
  pass('format', `receipt ${payload.id}, of version ${payload.version}`)

  // 2. and 3. Both TEEs were what their roots vouch for, when they were verified.
  const platform = await verifyEvidence(
    'platform-evidence',
    attachments.platform,
    payload.platform,
    trust,
  )
  pass('platform-evidence', `ends in root ${platform.evidence.rootSpkiSha256}`)
  const diagnostics = await verifyEvidence(
    'diagnostics-evidence',
    attachments.diagnostics,
    payload.diagnostics,
    trust,
  )
  pass('diagnostics-evidence', `ends in root ${diagnostics.evidence.rootSpkiSha256}`)

  // 4. The platform's TEE signed this payload.
  await verifySignature(receipt, platform)
  pass('signature', `by the platform’s attested key ${receipt.kid}`)

  // 5. and 6. What the payload says of them is what their evidence says.
  await verifyParty('platform-claims', 'platform', payload.platform, attachments.platform, platform)
  verifyNotDebugged(platform)
  pass('platform-claims', payload.platform.mrEnclave)
  await verifyParty(
    'diagnostics-claims',
    'diagnostics',
    payload.diagnostics,
    attachments.diagnostics,
    diagnostics,
  )
  verifyProvider(payload, platform, diagnostics)
  pass('diagnostics-claims', `model ${payload.diagnostics.model.sha256}`)

  // 7. All of it happened in one deployment.
  verifyDeployment(payload.deployment, { platform, diagnostics })
  pass('deployment', payload.deployment)

  // 8. The provider's TEE stated what it computed.
  const statement = await verifyProviderStatement(receipt, diagnostics)
  pass('statement', `request ${statement.requestId}`)

  // 9. The attestation service said the same, then.
  await verifyTokens(receipt, { platform, diagnostics }, trust)
  const signersPinnedBy = trust.signers === undefined ? 'platform-configuration' : 'caller'
  pass('attestation-tokens', `keys pinned by ${signersPinnedBy}`)

  // 10. In an order in which it can have happened.
  verifyTimes(receipt, statement, trust)
  pass('times', new Date(payload.issuedAt * 1000).toISOString())

  return {
    payload,
    statement,
    steps,
    roots: {
      platform: platform.evidence.rootSpkiSha256,
      diagnostics: diagnostics.evidence.rootSpkiSha256,
    },
    simulated: isSimulated(platform.evidence) || isSimulated(diagnostics.evidence),
    signersPinnedBy,
  }
}

async function verifyEvidence(
  step: 'platform-evidence' | 'diagnostics-evidence',
  attached: unknown,
  { verifiedAt: at }: ReceiptParty,
  { roots }: ReceiptTrust,
): Promise<Verified<BoundEvidence>> {
  const document = parseEvidenceDocument(attached)
  if (!document.ok) {
    return fail(step, 'receipt-malformed', document.problem.at, document.problem.detail)
  }
  const { quote, endorsements } = document.value
  const evidence = await verifySgxEvidence({ quote, endorsements, roots, at })
  if (!evidence.ok) {
    return fail(step, evidence.problem.code, evidence.problem.at, evidence.problem.detail)
  }
  const bound = await verifyBindings(evidence.value, document.value)
  if (!bound.ok) return fail(step, bound.problem.code, bound.problem.at, bound.problem.detail)
  return bound.value
}

async function verifySignature(receipt: ParsedReceipt, platform: BoundEvidence): Promise<void> {
  const [key] = platform.runtimeData.keys
  if (receipt.kid !== key.kid) {
    fail('signature', 'receipt-signature', 'protected.kid', 'not the platform’s attested key')
  }
  if (!(await isSignedWithEs256(key, receipt.signedBytes, receipt.signature))) {
    fail('signature', 'receipt-signature', 'signature', 'not by the platform’s attested key')
  }
}

async function verifyParty(
  step: 'platform-claims' | 'diagnostics-claims',
  role: TeeRole,
  said: ReceiptParty,
  attached: unknown,
  { evidence, runtimeData }: BoundEvidence,
): Promise<void> {
  if (runtimeData.role !== role) fail(step, 'role-mismatch', 'runtimeData.role', `${role} expected`)
  // It was parsed before.
  if (said.evidence !== (await evidenceDigestOf(attached as EvidenceDocument))) {
    fail(step, 'evidence-digest', `${role}.evidence`, 'other evidence than was attached')
  }
  const pairs = [
    ['mrEnclave', said.mrEnclave, evidence.mrEnclave],
    ['configId', said.configId, evidence.configId],
    ['tcbStatus', said.tcbStatus, evidence.tcbStatus],
    ['simulated', said.simulated, isSimulated(evidence)],
  ] as const
  const different = pairs.find(([, claimed, found]) => claimed !== found)
  if (different !== undefined) {
    fail(step, 'claim-mismatch', `${role}.${different[0]}`, 'not what the evidence says')
  }
}

/** DEBUG is no part of a measurement: whoever runs such an enclave can take its key, and sign what he likes. */
function verifyNotDebugged({ evidence }: BoundEvidence): void {
  if (evidence.debug) {
    fail('platform-claims', 'debug', 'platform', 'an enclave whose memory can be read from outside')
  }
}

/** The model is the one that the provider attested, and the provider one that the platform was set up to accept. */
function verifyProvider(
  { diagnostics: { model }, issuedAt }: ReceiptPayload,
  platform: BoundEvidence,
  { evidence, runtimeData }: BoundEvidence,
): void {
  const step = 'diagnostics-claims'
  if (!isSameModel(model, runtimeData.model)) {
    fail(step, 'model-mismatch', 'diagnostics.model', 'not the model that was attested')
  }
  const expectations = platform.initTimeData.peers.filter(({ role }) => role === 'diagnostics')
  const accepted = expectations.some((expectation) => {
    const { deployment } = platform.initTimeData
    const references = referenceValuesOf(expectation, deployment)
    const { kind } = appraise(evidence, references, { at: issuedAt, deployment })
    const { model: expected } = expectation
    const isExpectedModel = expected === undefined || expected.sha256 === model.sha256
    return (kind === 'affirming' || kind === 'warning') && isExpectedModel
  })
  if (!accepted) {
    fail(
      step,
      'provider-not-accepted',
      'initTimeData.peers',
      'not a provider that the platform accepts',
    )
  }
}

function isSameModel(a: ReceiptModel, b: ReceiptModel | undefined): boolean {
  return a.name === b?.name && a.version === b.version && a.sha256 === b.sha256
}

interface Parties {
  readonly platform: BoundEvidence
  readonly diagnostics: BoundEvidence
}

function verifyDeployment(deployment: string, parties: Parties): void {
  for (const [role, { runtimeData, initTimeData }] of Object.entries(parties)) {
    if (runtimeData.deployment !== deployment || initTimeData.deployment !== deployment) {
      fail('deployment', 'deployment-mismatch', `${role}.deployment`, 'another deployment')
    }
  }
}

async function verifyProviderStatement(
  { payload, attachments }: ParsedReceipt,
  diagnostics: BoundEvidence,
): Promise<Statement> {
  const step = 'statement'
  if ((await statementDigestOf(attachments.statement)) !== payload.statement) {
    fail(step, 'statement-digest', 'statement', 'another statement than the receipt names')
  }
  const statement = await verifyStatement(attachments.statement, diagnostics.runtimeData.keys[0])
  if (!statement.ok) {
    return fail(step, statement.problem.code, statement.problem.at, statement.problem.detail)
  }
  const { deployment, model } = statement.value
  if (deployment !== payload.deployment || !isSameModel(model, payload.diagnostics.model)) {
    fail(step, 'statement-mismatch', 'statement', 'it speaks of another deployment or model')
  }
  for (const part of ['input', 'output'] as const) {
    if (statement.value[part] !== payload[part].digest) {
      fail(step, 'statement-mismatch', `statement.${part}`, `it is about another ${part}`)
    }
  }
  return statement.value
}

async function verifyTokens(
  { payload, attachments }: ParsedReceipt,
  parties: Parties,
  trust: ReceiptTrust,
): Promise<void> {
  const step = 'attestation-tokens'
  const { issuer, signers, policyHashes } = parties.platform.initTimeData.attestation
  for (const role of ['platform', 'diagnostics'] as const) {
    const token = await verifyAttestationToken(attachments.attestationTokens[role], {
      issuer,
      jwks: attachments.certs,
      signers: trust.signers ?? signers,
      denyList: { unchecked: 'a receipt says what was so when it was issued' },
      at: payload[role].verifiedAt,
      clockSkewSeconds: receiptLimits.clockSkewSeconds,
    })
    const at = `attestationTokens.${role}`
    if (!token.ok) return fail(step, token.problem.code, at, token.problem.detail)
    if (token.value.policyHash !== payload[role].policyHash) {
      fail(step, 'policy-hash', at, 'issued under another policy than the receipt names')
    }
    if (!policyHashes.includes(payload[role].policyHash)) {
      fail(step, 'policy-hash', `${role}.policyHash`, 'not a policy that the platform accepts')
    }
    const disagreement = disagreementOf(token.value, parties[role])
    if (disagreement !== undefined) {
      fail(step, 'token-disagrees', `${at}.${disagreement}`, 'not what the evidence says')
    }
  }
}

function verifyTimes({ payload }: ParsedReceipt, statement: Statement, { at }: ReceiptTrust): void {
  const step = 'times'
  const { clockSkewSeconds, evidenceAgeSecondsMax } = receiptLimits
  const { received, interpreted, written } = payload.times
  // One clock, the platform's, gave these.
  const inOrder = [received, interpreted, written, payload.issuedAt + clockSkewSeconds]
  if (inOrder.some((time, index) => time < (inOrder[index - 1] ?? 0))) {
    fail(step, 'time-order', 'times', 'received, interpreted, written, issued: not in this order')
  }
  const { issuedAt } = statement
  if (issuedAt < received - clockSkewSeconds || issuedAt > interpreted + clockSkewSeconds) {
    fail(
      step,
      'time-order',
      'statement.iat',
      'stated before the data came or after it was interpreted',
    )
  }
  for (const role of ['platform', 'diagnostics'] as const) {
    const { verifiedAt } = payload[role]
    if (verifiedAt > payload.issuedAt + clockSkewSeconds) {
      fail(step, 'time-order', `${role}.verifiedAt`, 'verified after the receipt was issued')
    }
    if (payload.issuedAt - verifiedAt > evidenceAgeSecondsMax) {
      fail(step, 'evidence-too-old', `${role}.verifiedAt`, `more than ${evidenceAgeSecondsMax} s`)
    }
  }
  if (at !== undefined && payload.issuedAt > at + clockSkewSeconds) {
    fail(step, 'from-the-future', 'issuedAt', 'issued after the instant of the audit')
  }
}
