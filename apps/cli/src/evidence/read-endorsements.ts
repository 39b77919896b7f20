/**
 * Endorsements in the forms that people have them in.
 *
 * @module
 */

import { bytesOfBase64, hexOf, jsonOf, ok, textOf } from '@sealward/attestation/bytes'
import type { Endorsements } from '@sealward/attestation/endorsements'
import { parseAmdCertificateTable, parseThimCertificates } from '@sealward/attestation/evidence'
import { parseCertificate, parseCrl } from '@sealward/attestation/x509'
import { limits } from '../limits.ts'
import { badInput, type Outcome } from '../problem.ts'

/** What came, of either vendor. */
export interface ReadEndorsements {
  readonly intel: Endorsements | undefined
  /** DER. */
  readonly certificates: readonly Uint8Array[]
  /** DER. */
  readonly crls: readonly Uint8Array[]
  /** `sealward-endorsements-1`, as read. */
  readonly bundles: readonly Uint8Array[]
}

export const noEndorsements: ReadEndorsements = {
  intel: undefined,
  certificates: [],
  crls: [],
  bundles: [],
}

/**
 * Reads one file: Intel's as JSON by the names of its quote verification library; a bundle of ours; for AMD, certificates
 * and revocation lists as PEM, as DER one after the other, as AMD's table, or as the JSON of Azure's host or of
 * `sealward endorsements fetch`.
 */
export function readEndorsements(bytes: Uint8Array, option: string): Outcome<ReadEndorsements> {
  const first = bytes.find((byte) => byte > 0x20)
  if (first === 0x7b) return readJson(bytes, option)
  const text = textOf(bytes)
  if (text?.includes('-----BEGIN ') === true) return readPem(text, option)
  const ders = readDers(bytes)
  if (ders !== undefined) return ok({ ...noEndorsements, ...ders })
  const table = parseAmdCertificateTable(bytes)
  // Entries of kinds that are not known are passed over, so almost anything can be a table of nothing.
  if (!table.ok || (table.value.certificates.size === 0 && table.value.crl === undefined)) {
    return badInput(
      'endorsements-unreadable',
      option,
      'neither JSON, PEM, DER nor a table of AMD’s',
    )
  }
  const { certificates, crl } = table.value
  return ok({
    ...noEndorsements,
    certificates: [...certificates.values()].map(({ der }) => der),
    crls: crl === undefined ? [] : [crl],
  })
}

/** Several files put together, each certificate once; of Intel's sets the last one counts. */
export function together(parts: readonly ReadEndorsements[]): ReadEndorsements {
  return {
    intel: parts.findLast(({ intel }) => intel !== undefined)?.intel,
    certificates: onceEach(parts.flatMap(({ certificates }) => certificates)),
    crls: onceEach(parts.flatMap(({ crls }) => crls)),
    bundles: parts.flatMap(({ bundles }) => bundles),
  }
}

function onceEach(ders: readonly Uint8Array[]): readonly Uint8Array[] {
  return [...new Map(ders.map((der) => [hexOf(der), der])).values()]
}

function readJson(bytes: Uint8Array, option: string): Outcome<ReadEndorsements> {
  const json = jsonOf(bytes, { bytesMax: limits.evidenceBytesMax, depthMax: limits.depthMax })
  if (!json.ok) return badInput(json.problem.code, option, json.problem.detail)
  const fields = json.value as Readonly<Record<string, unknown>>
  if (typeof fields['format'] === 'string') return ok({ ...noEndorsements, bundles: [bytes] })
  if ('vcekCert' in fields) {
    const thim = parseThimCertificates(bytes)
    if (!thim.ok) return badInput(thim.problem.code, option, thim.problem.detail)
    return ok({ ...noEndorsements, certificates: thim.value.certificates.map(({ der }) => der) })
  }
  if ('intermediate' in fields) return readAmdSet(fields, option)
  if (!('tcb_info' in fields)) {
    return badInput('endorsements-unreadable', option, 'JSON, but no endorsements that are known')
  }
  // What Intel adds one day is passed over; what is not there is missing, and verification says so.
  const text = (name: string): string => {
    const value = fields[name]
    return typeof value === 'string' ? value : ''
  }
  const chain = text('pck_certificate_chain')
  return ok({
    ...noEndorsements,
    intel: {
      pck_crl_issuer_chain: text('pck_crl_issuer_chain'),
      root_ca_crl: text('root_ca_crl'),
      pck_crl: text('pck_crl'),
      tcb_info_issuer_chain: text('tcb_info_issuer_chain'),
      tcb_info: text('tcb_info'),
      tcb_info_signature: text('tcb_info_signature').toLowerCase(),
      qe_identity_issuer_chain: text('qe_identity_issuer_chain'),
      qe_identity: text('qe_identity'),
      qe_identity_signature: text('qe_identity_signature').toLowerCase(),
      ...(chain === '' ? {} : { pck_certificate_chain: chain }),
    },
  })
}

/** What `sealward endorsements fetch --json` prints for a report. */
function readAmdSet(
  fields: Readonly<Record<string, unknown>>,
  option: string,
): Outcome<ReadEndorsements> {
  const ders: Uint8Array[] = []
  for (const name of ['certificate', 'intermediate', 'root', 'crl']) {
    const text = fields[name]
    // A VLEK's certificate comes from the provider.
    if (name === 'certificate' && text === null) continue
    const der = typeof text === 'string' ? bytesOfBase64(text) : undefined
    if (der === undefined) {
      return badInput('endorsements-unreadable', option, `${name}: base64 expected`)
    }
    ders.push(der)
  }
  return ok({ ...noEndorsements, certificates: ders.slice(0, -1), crls: ders.slice(-1) })
}

const pemBlock = /-----BEGIN (CERTIFICATE|X509 CRL)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g

function readPem(text: string, option: string): Outcome<ReadEndorsements> {
  const certificates: Uint8Array[] = []
  const crls: Uint8Array[] = []
  for (const [, label, body = ''] of text.matchAll(pemBlock)) {
    const der = bytesOfBase64(body.replace(/\s+/g, ''))
    if (der === undefined) return badInput('pem-malformed', option, 'not base64')
    if (label === 'CERTIFICATE') certificates.push(der)
    else crls.push(der)
    if (certificates.length + crls.length > limits.certificatesMax) {
      return badInput('too-many-certificates', option, `more than ${limits.certificatesMax}`)
    }
  }
  return certificates.length + crls.length === 0
    ? badInput('pem-malformed', option, 'no certificate and no revocation list')
    : ok({ ...noEndorsements, certificates, crls })
}

/** DER one after the other; `undefined` when it is something else. */
function readDers(
  bytes: Uint8Array,
):
  | { readonly certificates: readonly Uint8Array[]; readonly crls: readonly Uint8Array[] }
  | undefined {
  const certificates: Uint8Array[] = []
  const crls: Uint8Array[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const length = lengthOfSequence(bytes.subarray(offset))
    if (length === undefined || certificates.length + crls.length >= limits.certificatesMax) {
      return undefined
    }
    const der = bytes.subarray(offset, offset + length)
    if (parseCertificate(der).ok) certificates.push(der)
    else if (parseCrl(der).ok) crls.push(der)
    else return undefined
    offset += length
  }
  return certificates.length + crls.length === 0 ? undefined : { certificates, crls }
}

/** Of a SEQUENCE with a length of two or three bytes, as all certificates have; the head included. */
function lengthOfSequence(bytes: Uint8Array): number | undefined {
  const [tag, form, a = 0, b = 0, c = 0] = bytes
  if (tag !== 0x30) return undefined
  const length = form === 0x82 ? 4 + a * 256 + b : form === 0x83 ? 5 + (a * 256 + b) * 256 + c : 0
  return length > 0 && length <= bytes.length ? length : undefined
}
