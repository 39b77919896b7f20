/**
 * The certificates that a host hands out beside an SNP report.
 *
 * @see AMD 56421, SEV-ES Guest-Hypervisor Communication Block Standardization, section 4.1.8.1
 * @module
 */

import {
  hexOf,
  type ParseCode,
  type Problem,
  parsing,
  type Result,
  refuse,
  textOf,
} from '../bytes/index.ts'
import {
  type Certificate,
  parseCertificate,
  parseCertificateChain,
  type X509Code,
} from '../x509/index.ts'
import { amdCertificateTableBytesMax, amdCertificateTableEntriesMax } from './limits.ts'

/** Kinds of entries that are read; others are passed over. */
export type AmdCertificateKind = 'vcek' | 'vlek' | 'ask' | 'ark'

/** The table's content. None of it is believed yet. */
export interface AmdCertificateTable {
  readonly certificates: ReadonlyMap<AmdCertificateKind, Certificate>
  /** DER: see `parseCrl`. */
  readonly crl: Uint8Array | undefined
}

/** Why a table was refused. */
export type AmdCertificateTableCode =
  | ParseCode
  | X509Code
  | 'amd-table-too-large'
  | 'amd-table-malformed'

/**
 * Parses a table: entries of 24 bytes (GUID, offset, length) up to one of zeros, and what they point to.
 *
 * @param input - the table as the host wrote it: certificates are DER, or PEM where a host has it so.
 * @returns the certificates, or one of {@link AmdCertificateTableCode}.
 */
export function parseAmdCertificateTable(
  input: Uint8Array,
): Result<AmdCertificateTable, Problem<AmdCertificateTableCode>> {
  if (input.length > amdCertificateTableBytesMax) {
    return refuse('amd-table-too-large', '@0x0', `more than ${amdCertificateTableBytesMax} bytes`)
  }
  const bytes = new Uint8Array(input)
  return parsing<AmdCertificateTable, AmdCertificateTableCode>(bytes, (cursor) => {
    const certificates = new Map<AmdCertificateKind, Certificate>()
    let crl: Uint8Array | undefined
    for (let count = 0; ; count++) {
      const guid = hexOf(cursor.bytes(16))
      const offset = cursor.u32()
      const length = cursor.u32()
      if (/^0+$/.test(guid)) break
      if (count === amdCertificateTableEntriesMax) {
        cursor.fail('amd-table-malformed', `more than ${amdCertificateTableEntriesMax} entries`)
      }
      if (offset + length > bytes.length) cursor.fail('truncated', 'an entry points beyond the end')
      const content = bytes.subarray(offset, offset + length)
      const kind = kinds.get(guid)
      if (kind === undefined) continue
      if (kind === 'crl' ? crl !== undefined : certificates.has(kind)) {
        cursor.fail('amd-table-malformed', 'an entry occurs twice')
      }
      if (kind === 'crl') crl = content
      else certificates.set(kind, cursor.accept(certificateOf(content)))
    }
    // Contents follow in any order, with gaps between them that nobody reads.
    cursor.skip(bytes.length - cursor.offset())
    return { certificates, crl }
  })
}

function certificateOf(content: Uint8Array): Result<Certificate, Problem<X509Code>> {
  if (content[0] !== hyphen) return parseCertificate(content)
  const chain = parseCertificateChain(textOf(content) ?? '')
  if (!chain.ok) return chain
  const [certificate, second] = chain.value
  return certificate === undefined || second !== undefined
    ? refuse('pem-malformed', '', 'one certificate expected')
    : { ok: true, value: certificate }
}

const hyphen = 0x2d

/** GUIDs as they stand in the table: hex, in the order of their text. */
const kinds: ReadonlyMap<string, AmdCertificateKind | 'crl'> = new Map([
  ['63da758de6644564adc5f4b93be8accd', 'vcek'],
  ['a8074bc2a25a483eaae639c045a0b8a1', 'vlek'],
  ['4ab7b379bbac4fe4a02f05aef327c782', 'ask'],
  ['c0b406a4a803495297433fb6014cd0ae', 'ark'],
  ['92f81bc358114d3d97ffd19f88dc67ea', 'crl'],
])
