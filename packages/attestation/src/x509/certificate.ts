/**
 * X.509 certificates, as far as attestation needs them.
 *
 * @see RFC 5280, section 4
 * @module
 */

import {
  equalBytes,
  hexOf,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '../bytes/index.ts'
import { contextTag, type DerReader, derTag, parsingDer } from '../der/index.ts'
import type { PublicKey, Signature } from './cryptography.ts'
import {
  commonNameOf,
  type Extension,
  readExtensions,
  readSerialNumber,
  readTime,
  type X509Reader,
} from './fields.ts'
import { certificateBytesMax, keyPurposesMax } from './limits.ts'
import type { X509Code } from './problems.ts'
import { parseSgxExtension, type SgxExtension, sgxExtensionOid } from './sgx-extension.ts'
import { publicKeyOf, signatureOf } from './signature-algorithms.ts'

/** An X.509 certificate of version 3. Parsed, and believed by nobody yet. */
export interface Certificate {
  readonly der: Uint8Array
  /** The bytes that the issuer signed. */
  readonly tbs: Uint8Array
  /** Content of the INTEGER, hex. */
  readonly serialNumber: string
  /** DER of the Name. */
  readonly issuer: Uint8Array
  /** DER of the Name. */
  readonly subject: Uint8Array
  readonly issuerCommonName: string | undefined
  readonly subjectCommonName: string | undefined
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  /** When the key is of a kind that signatures are verified with here. */
  readonly publicKey: PublicKey | undefined
  /** When the algorithm is known here. */
  readonly signature: Signature | undefined
  readonly isCa: boolean
  /** pathLenConstraint, when there is one. */
  readonly pathLength: number | undefined
  /** `undefined`: the extension is absent. */
  readonly keyUsage: KeyUsage | undefined
  /** Purposes as dotted object identifiers. `undefined`: the extension is absent, and any purpose is allowed. */
  readonly extendedKeyUsage: readonly string[] | undefined
  /** Intel's extension of PCK certificates. */
  readonly sgx: SgxExtension | undefined
  /** All of them, as they stand. */
  readonly extensions: readonly Extension[]
}

/** The uses this package asks about. */
export interface KeyUsage {
  readonly digitalSignature: boolean
  readonly keyCertSign: boolean
  readonly crlSign: boolean
}

/**
 * Parses one certificate.
 *
 * @param der - DER of Certificate, nothing before or after it.
 * @returns the fields, or one of {@link X509Code}. An extension that is critical and not known is refused.
 */
export function parseCertificate(der: Uint8Array): Result<Certificate, Problem<X509Code>> {
  if (der.length > certificateBytesMax) {
    return refuse('certificate-too-large', '@0x0', `more than ${certificateBytesMax} bytes`)
  }
  return parsingDer<Certificate, X509Code>(der, (top) =>
    top.inside(derTag.sequence, (certificate) => {
      const { algorithm, ...fields } = certificate.inside(derTag.sequence, readTbs)
      if (!equalBytes(certificate.element(derTag.sequence).whole, algorithm)) {
        certificate.fail('certificate-malformed', 'two different signature algorithms')
      }
      const signature = certificate.wholeBits()
      return { der, ...fields, signature: signatureOf(algorithm, signature) }
    }),
  )
}

type TbsFields = Omit<Certificate, 'der' | 'signature'> & { readonly algorithm: Uint8Array }

function readTbs(reader: X509Reader, tbs: Uint8Array): TbsFields {
  const version =
    reader.nextTag() === contextTag(0)
      ? reader.inside(contextTag(0), (wrapper) => wrapper.unsigned(2))
      : 0
  if (version !== 2) reader.fail('certificate-malformed', 'not of version 3')
  const serialNumber = readSerialNumber(reader)
  const algorithm = reader.element(derTag.sequence).whole
  const issuer = reader.element(derTag.sequence).whole
  const validity = reader.inside(derTag.sequence, (times) => ({
    notBefore: readTime(times),
    notAfter: readTime(times),
  }))
  const subject = reader.element(derTag.sequence).whole
  const spki = reader.element(derTag.sequence).whole
  // issuerUniqueID and subjectUniqueID, which nobody writes: passed over.
  for (const number of [1, 2]) if (reader.nextTag() === (0x80 | number)) reader.any()
  const extensions = readExtensions(reader, 3)
  return {
    tbs,
    algorithm,
    serialNumber: hexOf(serialNumber),
    issuer,
    subject,
    issuerCommonName: commonNameOf(issuer),
    subjectCommonName: commonNameOf(subject),
    ...validity,
    spki,
    publicKey: publicKeyOf(spki),
    extensions,
    ...readKnownExtensions(reader, extensions),
  }
}

type KnownExtensions = Pick<
  Certificate,
  'isCa' | 'pathLength' | 'keyUsage' | 'extendedKeyUsage' | 'sgx'
>

function readKnownExtensions(
  reader: X509Reader,
  extensions: readonly Extension[],
): KnownExtensions {
  const unknown = extensions.find(({ oid, critical }) => critical && !knownOids.has(oid))
  if (unknown !== undefined) reader.fail('unknown-critical-extension', unknown.oid)

  const accept = <T>(result: Result<T, Problem<X509Code>>): T =>
    result.ok ? result.value : reader.fail(result.problem.code, result.problem.detail)
  const value = (oid: string): Uint8Array | undefined =>
    extensions.find((extension) => extension.oid === oid)?.value

  const basicConstraints = value(oids.basicConstraints)
  const keyUsage = value(oids.keyUsage)
  const extendedKeyUsage = value(oids.extendedKeyUsage)
  const sgx = value(sgxExtensionOid)
  return {
    isCa: false,
    pathLength: undefined,
    ...(basicConstraints && accept(parsingDer(basicConstraints, readBasicConstraints))),
    keyUsage: keyUsage && accept(parsingDer(keyUsage, readKeyUsage)),
    extendedKeyUsage:
      extendedKeyUsage && accept(parsingDer(extendedKeyUsage, readExtendedKeyUsage)),
    sgx: sgx && accept(parseSgxExtension(sgx)),
  }
}

/** RFC 5280, section 4.2.1.9. */
function readBasicConstraints(reader: DerReader): Pick<Certificate, 'isCa' | 'pathLength'> {
  return reader.inside(derTag.sequence, (fields) => ({
    isCa: fields.nextTag() === derTag.boolean && fields.boolean(),
    pathLength: fields.hasMore() ? fields.unsigned(0xff) : undefined,
  }))
}

/** RFC 5280, section 4.2.1.3: bit 0 digitalSignature, bit 5 keyCertSign, bit 6 cRLSign. */
function readKeyUsage(reader: DerReader): KeyUsage {
  const [first = 0] = reader.bits()
  return {
    digitalSignature: (first & 0x80) !== 0,
    keyCertSign: (first & 0x04) !== 0,
    crlSign: (first & 0x02) !== 0,
  }
}

/** RFC 5280, section 4.2.1.12. */
function readExtendedKeyUsage(reader: X509Reader): readonly string[] {
  return reader.inside(derTag.sequence, (list) => {
    const purposes: string[] = []
    while (list.hasMore()) purposes.push(list.objectIdentifier())
    return purposes.length > 0 && purposes.length <= keyPurposesMax
      ? purposes
      : list.fail('certificate-malformed', `from 1 to ${keyPurposesMax} purposes expected`)
  })
}

const oids = {
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
} as const

const knownOids: ReadonlySet<string> = new Set([...Object.values(oids), sgxExtensionOid])
