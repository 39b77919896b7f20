/**
 * A request to `/attest/…`, made of evidence in the forms that people have it in.
 *
 * @see docs/spec/tokens.md
 * @module
 */

import { base64UrlOf, ok, utf8Of } from '@sealward/attestation/bytes'
import {
  encodeOpenEnclaveReport,
  parseDcapQuote,
  parseHclReport,
} from '@sealward/attestation/evidence'
import { pemOf } from '@sealward/attestation/x509'
import type { ReadEvidence, ReadQuote, ReadReport } from '../evidence/read-evidence.ts'
import { badInput, type Outcome } from '../problem.ts'

export const attestationTypes = ['SgxEnclave', 'OpenEnclave', 'SevSnpVm', 'TdxVm'] as const

export type AttestationType = (typeof attestationTypes)[number]

export type DataType = 'JSON' | 'Binary'

/** Data that the evidence binds. */
export interface AttestData {
  readonly bytes: Uint8Array
  readonly type: DataType
}

/** What is told beside the evidence. */
export interface AttestExtras {
  /** Instead of what the evidence says of itself. */
  readonly type?: AttestationType | undefined
  readonly runtimeData?: AttestData | undefined
  readonly initTimeData?: AttestData | undefined
  readonly nonce?: string | undefined
  readonly draftPolicy?: string | undefined
}

export interface AttestBody {
  readonly type: AttestationType
  readonly body: Readonly<Record<string, unknown>>
}

/** Data that comes with the evidence is sent along, unless other data is told. */
export function attestBodyOf(evidence: ReadEvidence, extras: AttestExtras): Outcome<AttestBody> {
  const found = typeOf(evidence)
  const type = extras.type ?? found
  const isSgx = found === 'SgxEnclave' || found === 'OpenEnclave'
  if (type !== found && !(isSgx && (type === 'SgxEnclave' || type === 'OpenEnclave'))) {
    return badInput('attestation-type', '--type', `the evidence is of ${found}`)
  }
  const runtimeData = extras.runtimeData ?? runtimeDataIn(evidence)
  const initTimeData = extras.initTimeData ?? initTimeDataIn(evidence)
  return ok({
    type,
    body: {
      ...evidenceField(type, evidence),
      ...(runtimeData === undefined ? {} : { runtimeData: encoded(runtimeData) }),
      ...(initTimeData === undefined ? {} : { initTimeData: encoded(initTimeData) }),
      ...(extras.nonce === undefined ? {} : { nonce: extras.nonce }),
      ...(extras.draftPolicy === undefined
        ? {}
        : { draftPolicyForAttestation: extras.draftPolicy }),
    },
  })
}

function typeOf(evidence: ReadEvidence): AttestationType {
  if (evidence.kind === 'snp') return 'SevSnpVm'
  const quote = parseDcapQuote(evidence.quote)
  if (quote.ok && quote.value.kind === 'tdx') return 'TdxVm'
  return evidence.forms.includes('Open Enclave report') ? 'OpenEnclave' : 'SgxEnclave'
}

function evidenceField(type: AttestationType, evidence: ReadEvidence): object {
  if (evidence.kind === 'snp') return { report: base64UrlOf(utf8Of(wrapped(evidence))) }
  return type === 'OpenEnclave'
    ? { report: base64UrlOf(encodeOpenEnclaveReport(evidence.quote)) }
    : { quote: base64UrlOf(evidence.quote) }
}

/** Without certificates the service fetches the chip's. */
function wrapped({ report, certificates, uvmEndorsements = [] }: ReadReport): string {
  const chain = certificates.map(pemOf).join('')
  const uvm = JSON.stringify({ Uvm: uvmEndorsements.map(base64UrlOf) })
  return JSON.stringify({
    SnpReport: base64UrlOf(report),
    ...(chain === '' ? {} : { VcekCertChain: base64UrlOf(utf8Of(chain)) }),
    ...(uvmEndorsements.length === 0 ? {} : { Endorsements: base64UrlOf(utf8Of(uvm)) }),
  })
}

function runtimeDataIn(evidence: ReadEvidence): AttestData | undefined {
  const hcl = evidence.azure && parseHclReport(evidence.azure.hclReport)
  const bytes =
    evidence.runtimeData ??
    documentOf(evidence)?.runtimeDataBytes ??
    (hcl?.ok === true ? hcl.value.variableData : undefined)
  return bytes && { bytes, type: 'JSON' }
}

function initTimeDataIn(evidence: ReadEvidence): AttestData | undefined {
  const bytes = documentOf(evidence)?.initTimeDataBytes
  return bytes && { bytes, type: 'JSON' }
}

function documentOf(evidence: ReadEvidence): ReadQuote['document'] {
  return evidence.kind === 'dcap' ? evidence.document : undefined
}

function encoded({ bytes, type }: AttestData): object {
  return { data: base64UrlOf(bytes), dataType: type }
}
