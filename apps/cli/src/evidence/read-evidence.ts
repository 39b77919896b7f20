/**
 * Evidence in the forms that people have it in, told apart by content.
 *
 * @module
 */

import {
  bytesOfBase64,
  bytesOfBase64Url,
  bytesOfHex,
  jsonOf,
  ok,
  textOf,
} from '@sealward/attestation/bytes'
import type { Endorsements } from '@sealward/attestation/endorsements'
import {
  type AzureVtpmEvidence,
  type ParsedEvidenceDocument,
  parseAmdCertificateTable,
  parseAzureVtpmEvidence,
  parseDcapQuote,
  parseEvidenceDocument,
  parseHclReport,
  parseMaaSnpReport,
  parseOpenEnclaveReport,
  parseRaTlsCertificate,
  parseSnpReport,
  parseTsmReport,
  snpReportBytes,
} from '@sealward/attestation/evidence'
import { limits } from '../limits.ts'
import { badInput, type Outcome } from '../problem.ts'

/** Evidence of Intel's platforms, or of AMD's, and what came with it. */
export type ReadEvidence = ReadQuote | ReadReport

interface Wrapped {
  /** What the file was, from the outside in: the last is the quote or report itself. */
  readonly forms: readonly string[]
  /** Of Azure's confidential VMs: what the hardware binds. */
  readonly azure?: ReadAzure
  /** Of requests to Azure Attestation: the bytes whose SHA-256 report data starts with. */
  readonly runtimeData?: Uint8Array
}

/** Of Azure's paravisor, and of the virtual TPM that it runs. */
export interface ReadAzure {
  readonly hclReport: Uint8Array
  readonly tpmQuote?: AzureVtpmEvidence['tpmQuote']
}

/** A quote of SGX or TDX. */
export interface ReadQuote extends Wrapped {
  readonly kind: 'dcap'
  readonly quote: Uint8Array
  /** Where the file brings its own. */
  readonly endorsements?: Endorsements
  readonly document?: ParsedEvidenceDocument
  /** DER of the certificate that the quote came in. */
  readonly raTlsCertificate?: Uint8Array
}

/** A report of SEV-SNP. */
export interface ReadReport extends Wrapped {
  readonly kind: 'snp'
  readonly report: Uint8Array
  /** DER. */
  readonly certificates: readonly Uint8Array[]
  /** DER. */
  readonly crls: readonly Uint8Array[]
  /** COSE_Sign1: what Microsoft says of the utility VM. */
  readonly uvmEndorsements?: readonly Uint8Array[]
}

/**
 * Reads evidence: a quote or report, raw, in hex or in base64; an evidence document of ours; a certificate with RA-TLS
 * evidence; an Open Enclave report; an Azure HCL report; the JSON of Azure Attestation, configfs-tsm and vTPM evidence.
 *
 * @returns the evidence, which can be read as what it is; or `evidence-unreadable` and the parsers' codes.
 */
export function readEvidence(bytes: Uint8Array): Outcome<ReadEvidence> {
  const unwrapped = unwrap(bytes, 0)
  if (!unwrapped.ok) return unwrapped
  const evidence = unwrapped.value
  const parsed =
    evidence.kind === 'dcap' ? parseDcapQuote(evidence.quote) : parseSnpReport(evidence.report)
  return parsed.ok ? unwrapped : unreadable(parsed.problem)
}

/** Text may hold hex that holds a certificate: a few layers, and no more. */
const layersMax = 4

type Unwrap = (inner: Uint8Array) => Outcome<ReadEvidence>

function unwrap(bytes: Uint8Array, layer: number): Outcome<ReadEvidence> {
  if (layer > layersMax) {
    return badInput('evidence-unreadable', 'FILE', 'wrapped more often than is looked at')
  }
  const again: Unwrap = (inner) => unwrap(inner, layer + 1)
  const start = startOfText(bytes)
  if (bytes[start] === 0x7b) return unwrapJson(bytes.subarray(start), again)
  if (startsWith(bytes, 'HCLA')) return unwrapHclReport(bytes, again)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const u16 = (at: number): number => (bytes.length >= at + 2 ? view.getUint16(at, true) : 0)
  const isReport = u16(0) >= 2 && u16(0) <= 5 && u16(2) === 0
  if (isReport && bytes.length > snpReportBytes) return reportWithTable(bytes)
  if (isReport && bytes.length === snpReportBytes) return ok(snp(bytes))
  if (u16(0) === 1 && u16(2) === 0 && u16(6) === 0 && bytes.length > 16) {
    const quote = parseOpenEnclaveReport(bytes)
    return quote.ok
      ? inside('Open Enclave report', ok(dcap(quote.value)))
      : unreadable(quote.problem)
  }
  if (u16(0) === 0x8230) return unwrapCertificate(bytes)
  const text = textOf(bytes)
  const pem = text === undefined ? undefined : pemCertificate.exec(text)?.[1]
  if (pem !== undefined) {
    return inside('PEM', again(bytesOfBase64(pem.replace(/\s+/g, '')) ?? new Uint8Array()))
  }
  const decoded = text === undefined ? undefined : decodedText(text)
  if (decoded !== undefined) return inside(decoded.form, again(decoded.bytes))
  if (isReport) return ok(snp(bytes))
  // Versions of quotes are small numbers; their parser names those that it does not know.
  return u16(0) > 0 && u16(0) < 0x20 ? ok(dcap(bytes)) : unknownForm
}

const unknownForm: Outcome<never> = badInput(
  'evidence-unreadable',
  'FILE',
  'no quote, report, certificate or JSON that is known',
)

/** The first certificate. Tools write words before it. */
const pemCertificate = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/

function unwrapCertificate(der: Uint8Array): Outcome<ReadEvidence> {
  const certificate = parseRaTlsCertificate(der)
  if (!certificate.ok) return unreadable(certificate.problem)
  const { form, quote } = certificate.value
  return inside(
    `certificate with RA-TLS evidence (${form})`,
    ok({ ...dcap(quote), raTlsCertificate: der }),
  )
}

function unwrapHclReport(bytes: Uint8Array, again: Unwrap): Outcome<ReadEvidence> {
  const parsed = parseHclReport(bytes)
  if (!parsed.ok) return unreadable(parsed.problem)
  const { hardwareReport } = parsed.value
  if (hardwareReport.kind === 'tdx') {
    const detail = 'a TD report, which only its own machine can verify: give the quote of it'
    return badInput('evidence-unreadable', 'FILE', detail)
  }
  const report = inside('Azure HCL report', again(hardwareReport.report))
  return report.ok ? ok({ ...report.value, azure: { hclReport: bytes } }) : report
}

/** Tools of AMD's guests write the certificates behind the report. */
function reportWithTable(bytes: Uint8Array): Outcome<ReadEvidence> {
  const table = parseAmdCertificateTable(bytes.subarray(snpReportBytes))
  // What follows is something else: its own parser refuses the report for it.
  if (!table.ok || table.value.certificates.size === 0) return ok(snp(bytes))
  const { certificates, crl } = table.value
  return inside(
    'report with a certificate table',
    ok({
      ...snp(bytes.subarray(0, snpReportBytes)),
      certificates: [...certificates.values()].map(({ der }) => der),
      crls: crl === undefined ? [] : [crl],
    }),
  )
}

function unwrapJson(bytes: Uint8Array, again: Unwrap): Outcome<ReadEvidence> {
  const json = jsonOf(bytes, { bytesMax: limits.evidenceBytesMax, depthMax: limits.depthMax })
  if (!json.ok) return unreadable(json.problem)
  const fields = json.value as Readonly<Record<string, unknown>>
  if ('SnpReport' in fields) return inside('report for Azure Attestation', unwrapMaaReport(bytes))
  if ('outblob' in fields) return inside('configfs-tsm', unwrapTsm(bytes, again))
  if (
    'initTimeData' in fields ||
    'endorsements' in fields ||
    typeof fields['runtimeData'] === 'string'
  ) {
    const document = parseEvidenceDocument(json.value)
    if (!document.ok) return unreadable(document.problem)
    const { quote, endorsements } = document.value
    return inside(
      'evidence document',
      ok({ ...dcap(quote), endorsements, document: document.value }),
    )
  }
  for (const name of ['quote', 'Quote', 'report', 'evidence']) {
    const text = fields[name]
    if (typeof text !== 'string') continue
    const evidence = inside('JSON', again(new TextEncoder().encode(text)))
    return evidence.ok ? withRuntimeData(evidence.value, fields) : evidence
  }
  return inside('Azure vTPM evidence', unwrapAzureVtpm(bytes, again))
}

/** Of `POST /attest/…`: `runtimeData.data`, which was `EnclaveHeldData` in 2020. */
function withRuntimeData(
  evidence: ReadEvidence,
  fields: Readonly<Record<string, unknown>>,
): Outcome<ReadEvidence> {
  const said = fields['runtimeData'] as Readonly<Record<string, unknown>> | null | undefined
  const text = said?.['data'] ?? fields['EnclaveHeldData']
  if (text === undefined || text === '') return ok(evidence)
  const runtimeData =
    typeof text === 'string' ? bytesOfBase64Url(text.replace(/=+$/, '')) : undefined
  return runtimeData === undefined
    ? badInput('not-base64url', 'FILE runtimeData.data', 'base64url expected')
    : ok({ ...evidence, runtimeData })
}

function unwrapMaaReport(bytes: Uint8Array): Outcome<ReadEvidence> {
  const maa = parseMaaSnpReport(bytes)
  if (!maa.ok) return unreadable(maa.problem)
  const { report, certificates, uvmEndorsements } = maa.value
  return ok({ ...snp(report), certificates: certificates.map(({ der }) => der), uvmEndorsements })
}

function unwrapTsm(bytes: Uint8Array, again: Unwrap): Outcome<ReadEvidence> {
  const tsm = parseTsmReport(bytes)
  if (!tsm.ok) return unreadable(tsm.problem)
  const { provider, outblob, auxblob } = tsm.value
  if (provider === 'tdx_guest') return again(outblob)
  const table = auxblob === undefined ? undefined : parseAmdCertificateTable(auxblob)
  if (table !== undefined && !table.ok) return unreadable(table.problem)
  const crl = table?.value.crl
  return ok({
    ...snp(outblob),
    certificates: [...(table?.value.certificates.values() ?? [])].map(({ der }) => der),
    crls: crl === undefined ? [] : [crl],
  })
}

function unwrapAzureVtpm(bytes: Uint8Array, again: Unwrap): Outcome<ReadEvidence> {
  const parsed = parseAzureVtpmEvidence(bytes)
  if (!parsed.ok) return unreadable(parsed.problem)
  const { hardware, hclReport, tpmQuote } = parsed.value
  const evidence = again(hardware.kind === 'tdx' ? hardware.quote : hclReport)
  if (!evidence.ok) return evidence
  const azure = { hclReport, tpmQuote }
  return evidence.value.kind === 'snp' && hardware.kind === 'snp'
    ? ok({ ...evidence.value, azure, certificates: [hardware.vcek] })
    : ok({ ...evidence.value, azure })
}

function dcap(quote: Uint8Array): ReadQuote {
  return { kind: 'dcap', quote, forms: ['quote'] }
}

function snp(report: Uint8Array): ReadReport {
  return { kind: 'snp', report, certificates: [], crls: [], forms: ['report'] }
}

function inside(form: string, inner: Outcome<ReadEvidence>): Outcome<ReadEvidence> {
  return inner.ok ? ok({ ...inner.value, forms: [form, ...inner.value.forms] }) : inner
}

/** Hex, base64 or base64url, white space left out; `undefined`: something else. */
function decodedText(
  spaced: string,
): { readonly form: 'hex' | 'base64'; readonly bytes: Uint8Array } | undefined {
  const text = spaced.replace(/\s+/g, '').replace(/^0x/i, '')
  if (text.length < 16) return undefined
  const hex = bytesOfHex(text)
  if (hex !== undefined) return { form: 'hex', bytes: hex }
  const bare = text.replace(/={1,2}$/, '')
  const bytes =
    bytesOfBase64(bare + '='.repeat((4 - (bare.length % 4)) % 4)) ?? bytesOfBase64Url(bare)
  return bytes && { form: 'base64', bytes }
}

/** Behind a byte order mark and white space. */
function startOfText(bytes: Uint8Array): number {
  const mark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  const length = bytes.subarray(mark).findIndex((byte) => !blanks.has(byte))
  return length === -1 ? bytes.length : mark + length
}

const blanks: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d, 0x20])

function startsWith(bytes: Uint8Array, text: string): boolean {
  return bytes.length >= text.length && textOf(bytes.subarray(0, text.length)) === text
}

function unreadable(problem: {
  readonly code: string
  readonly at: string
  readonly detail: string
}): Outcome<never> {
  return badInput(problem.code, problem.at === '' ? 'FILE' : problem.at, problem.detail)
}
