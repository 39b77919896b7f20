import {
  base64UrlOf,
  jsonOf,
  ok,
  type Result,
  refuse,
  sha256,
  utf8Of,
} from '@sealward/attestation/bytes'
import {
  evidenceDigestOf,
  issueReceipt,
  type ReceiptPayload,
  receiptMediaType,
  saltedDigestOf,
} from '@sealward/attestation/receipt'
import type { SigningKeys } from '@sealward/attestation/token'
import type { Identity } from '@sealward/enclave/identity'
import { bytes, json } from '../answer.ts'
import { writeAudit } from '../fhir/audit.ts'
import { idPattern } from '../fhir/references.ts'
import type { Interpretation } from '../peers/diagnostics.ts'
import type { Handler, Platform, StaffRequest } from '../platform.ts'
import type { ApiProblem } from '../problems.ts'
import type { StoredRecord, StoreTransaction } from '../store/store.ts'
import type { OwnProof } from './own-proof.ts'

/** What opens one salted digest: whoever has it can show what the digest is of. Base64url. */
export interface Opening {
  readonly salt: string
  readonly bytes: string
}

/** What opens a receipt's digests. Patient data, kept apart from the receipt. */
export interface Openings {
  /** Little-endian FP32 of the model's input. */
  readonly input: Opening
  /** Little-endian FP32 of logit, probability and evidence map. */
  readonly output: Opening
  /** The DiagnosticReport as it was first written. */
  readonly report: Opening
}

export interface ReceiptInput {
  readonly id: string
  readonly deployment: string
  readonly interpretation: Interpretation
  readonly own: OwnProof
  readonly certs: SigningKeys
  readonly image: Uint8Array
  readonly reportBytes: Uint8Array
  readonly times: ReceiptPayload['times']
}

/**
 * Issues the receipt of one diagnosis.
 *
 * @returns the receipt as JSON bytes, and what opens its salted digests.
 * @see docs/spec/receipt.md
 */
export async function makeReceipt(
  deps: {
    readonly identity: Pick<Identity, 'kid' | 'sign'>
    readonly random: { bytes(length: number): Uint8Array }
  },
  input: ReceiptInput,
): Promise<{ readonly receipt: Uint8Array; readonly openings: Openings }> {
  const { interpretation, own } = input
  const { peer, statement } = interpretation
  const salts = {
    // The provider's statement is salted with the same two: receipt and statement are about one thing.
    ...interpretation.salts,
    report: deps.random.bytes(32),
  }
  const digest = async (
    salt: Uint8Array,
    content: Uint8Array,
  ): Promise<{ readonly digest: string }> => ({
    digest: await saltedDigestOf(salt, content),
  })
  const receipt = await issueReceipt({
    kid: deps.identity.kid,
    sign: deps.identity.sign,
    payload: {
      version: 1,
      id: input.id,
      issuedAt: input.times.written,
      deployment: input.deployment,
      platform: {
        evidence: await evidenceDigestOf(own.document),
        policyHash: own.token.policyHash,
        tcbStatus: own.token.tcbStatus,
        mrEnclave: own.token.mrEnclave,
        configId: own.token.configId ?? '',
        simulated: own.token.simulated,
        verifiedAt: own.verifiedAt,
      },
      diagnostics: {
        evidence: await evidenceDigestOf(peer.document),
        policyHash: peer.token.policyHash,
        tcbStatus: peer.evidence.tcbStatus,
        mrEnclave: peer.evidence.mrEnclave,
        configId: peer.evidence.configId,
        simulated: peer.simulated,
        verifiedAt: peer.verifiedAt,
        model: interpretation.model,
      },
      statement: base64UrlOf(await sha256(utf8Of(statement))),
      input: await digest(salts.input, input.image),
      output: await digest(salts.output, interpretation.signedBytes),
      report: await digest(salts.report, input.reportBytes),
      times: input.times,
    },
    attachments: {
      platform: own.document,
      diagnostics: peer.document,
      attestationTokens: { platform: own.tokenText, diagnostics: peer.tokenText },
      certs: input.certs,
      statement,
    },
  })
  const opening = (salt: Uint8Array, content: Uint8Array): Opening => ({
    salt: base64UrlOf(salt),
    bytes: base64UrlOf(content),
  })
  return {
    receipt: utf8Of(JSON.stringify(receipt)),
    openings: {
      input: opening(salts.input, input.image),
      output: opening(salts.output, interpretation.signedBytes),
      report: opening(salts.report, input.reportBytes),
    },
  }
}

/** Writes a receipt and its openings under the id of their report. */
export async function writeReceipt(
  transaction: StoreTransaction,
  report: string,
  patient: string,
  made: Awaited<ReturnType<typeof makeReceipt>>,
): Promise<void> {
  const openings = utf8Of(JSON.stringify(made.openings))
  await transaction.create({
    type: 'Receipt',
    id: report,
    patient,
    bytes: made.receipt,
    lookUps: [],
  })
  await transaction.create({ type: 'Openings', id: report, patient, bytes: openings, lookUps: [] })
}

/** `GET /receipts/{diagnosticReportId}` */
export const readReceipt: Handler = async (platform, request) => {
  const record = await readAudited(platform, request, 'Receipt')
  return record.ok ? ok(bytes(receiptMediaType, record.value.bytes)) : record
}

/** `GET /receipts/{diagnosticReportId}/openings` */
export const readOpenings: Handler = async (platform, request) => {
  const record = await readAudited(platform, request, 'Openings')
  if (!record.ok) return record
  const openings = jsonOf(record.value.bytes, { bytesMax: 1024 * 1024, depthMax: 8 })
  if (!openings.ok) throw new Error('openings of ours cannot be read')
  return ok(json(openings.value as Openings))
}

async function readAudited(
  platform: Platform,
  { parameters, staff }: StaffRequest,
  type: 'Receipt' | 'Openings',
): Promise<Result<StoredRecord, ApiProblem>> {
  const id = parameters['id'] ?? ''
  const record = idPattern.test(id) ? await platform.store.read(type, id) : ok(undefined)
  if (!record.ok) return record
  const found = record.value
  if (found?.patient === undefined) return refuse('not-found', 'id', 'There is no such receipt.')
  const { patient } = found
  const seen = await platform.store.transaction(async (transaction) => {
    await writeAudit(platform, transaction, {
      actor: { staff },
      interaction: 'read',
      entities: [`Patient/${patient}`, `DiagnosticReport/${id}`],
      patient,
    })
    return ok(true)
  })
  return seen.ok ? ok(found) : seen
}
