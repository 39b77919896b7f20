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
export type ReadEvidence =
  | {
      readonly kind: 'dcap'
      readonly quote: Uint8Array
      /** Where the file brings its own. */
      readonly endorsements?: Endorsements
      readonly document?: ParsedEvidenceDocument
      /** DER of the certificate that the quote came in. */
      readonly raTlsCertificate?: Uint8Array
    }
  | {
      readonly kind: 'snp'
      readonly report: Uint8Array
      /** DER. */
      readonly certificates: readonly Uint8Array[]
      readonly crls: readonly Uint8Array[]
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

function unwrap(bytes: Uint8Array, layer: number): Outcome<ReadEvidence> {
  if (layer > layersMax) {
    return badInput('evidence-unreadable', 'FILE', 'wrapped more often than is looked at')
  }
  const again = (inner: Uint8Array): Outcome<ReadEvidence> => unwrap(inner, layer + 1)
  if (startsWith(bytes, '{')) return unwrapJson(bytes, again)
  if (startsWith(bytes, 'HCLA')) {
    const report = parseHclReport(bytes)
    if (!report.ok) return unreadable(report.problem)
    const { hardwareReport } = report.value
    return hardwareReport.kind === 'snp'
      ? snp(hardwareReport.report)
      : badInput(
          'evidence-unreadable',
          'FILE',
          'a TD report, which only its own machine can verify',
        )
  }
  if (startsWith(bytes, '-----BEGIN CERTIFICATE-----')) {
    const body = /-----BEGIN CERTIFICATE-----([^-]*)-----END/.exec(textOf(bytes) ?? '')?.[1] ?? ''
    return again(bytesOfBase64(body.replace(/\s+/g, '')) ?? new Uint8Array())
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const u16 = (at: number): number => (bytes.length >= at + 2 ? view.getUint16(at, true) : 0)
  if (bytes.length === snpReportBytes && u16(0) >= 2 && u16(0) <= 5 && u16(2) === 0) {
    return snp(bytes)
  }
  if (u16(0) === 1 && u16(2) === 0 && u16(6) === 0 && bytes.length > 16) {
    const quote = parseOpenEnclaveReport(bytes)
    return quote.ok ? dcap(quote.value) : unreadable(quote.problem)
  }
  if (u16(0) === 0x8230) {
    const certificate = parseRaTlsCertificate(bytes)
    return certificate.ok
      ? ok({ kind: 'dcap', quote: certificate.value.quote, raTlsCertificate: bytes })
      : unreadable(certificate.problem)
  }
  const decoded = decodedText(bytes)
  if (decoded !== undefined) return again(decoded)
  return u16(0) >= 2 && u16(0) <= 5 && u16(2) === 0 ? snp(bytes) : dcap(bytes)
}

function unwrapJson(
  bytes: Uint8Array,
  again: (inner: Uint8Array) => Outcome<ReadEvidence>,
): Outcome<ReadEvidence> {
  const json = jsonOf(bytes, { bytesMax: limits.evidenceBytesMax, depthMax: limits.depthMax })
  if (!json.ok) return unreadable(json.problem)
  const names = Object.keys(json.value as object)
  if (names.includes('SnpReport')) {
    const maa = parseMaaSnpReport(bytes)
    if (!maa.ok) return unreadable(maa.problem)
    return snp(
      maa.value.report,
      maa.value.certificates.map(({ der }) => der),
    )
  }
  if (names.includes('outblob')) {
    const tsm = parseTsmReport(bytes)
    if (!tsm.ok) return unreadable(tsm.problem)
    const { provider, outblob, auxblob } = tsm.value
    if (provider === 'tdx_guest') return again(outblob)
    const table = auxblob === undefined ? undefined : parseAmdCertificateTable(auxblob)
    if (table !== undefined && !table.ok) return unreadable(table.problem)
    const certificates = [...(table?.value.certificates.values() ?? [])]
    const crl = table?.value.crl
    return snp(
      outblob,
      certificates.map(({ der }) => der),
      crl === undefined ? [] : [crl],
    )
  }
  if (names.includes('runtimeData') || names.includes('endorsements')) {
    const document = parseEvidenceDocument(json.value)
    if (!document.ok) return unreadable(document.problem)
    const { quote, endorsements } = document.value
    return ok({ kind: 'dcap', quote, endorsements, document: document.value })
  }
  for (const name of ['quote', 'report', 'evidence'] as const) {
    const text = (json.value as Readonly<Record<string, unknown>>)[name]
    if (typeof text === 'string') return again(new TextEncoder().encode(text))
  }
  const azure = parseAzureVtpmEvidence(bytes)
  if (!azure.ok) return unreadable(azure.problem)
  const { hardware, hclReport } = azure.value
  if (hardware.kind === 'tdx') return again(hardware.quote)
  const report = again(hclReport)
  return report.ok && report.value.kind === 'snp'
    ? snp(report.value.report, [hardware.vcek])
    : report
}

function dcap(quote: Uint8Array): Outcome<ReadEvidence> {
  return ok({ kind: 'dcap', quote })
}

function snp(
  report: Uint8Array,
  certificates: readonly Uint8Array[] = [],
  crls: readonly Uint8Array[] = [],
): Outcome<ReadEvidence> {
  return ok({ kind: 'snp', report, certificates, crls })
}

/** Hex, base64 or base64url, white space left out; `undefined`: something else. */
function decodedText(bytes: Uint8Array): Uint8Array | undefined {
  const text = textOf(bytes)?.replace(/\s+/g, '').replace(/^0x/, '')
  if (text === undefined || text.length < 16) return undefined
  const padded = text.endsWith('=') ? text : text + '='.repeat((4 - (text.length % 4)) % 4)
  return bytesOfHex(text) ?? bytesOfBase64(padded) ?? bytesOfBase64Url(text.replace(/=+$/, ''))
}

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
