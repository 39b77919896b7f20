/**
 * Certificate revocation lists, complete and direct ones.
 *
 * @see RFC 5280, section 5
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
import { derTag, parsingDer } from '../der/index.ts'
import type { Signature } from './cryptography.ts'
import {
  commonNameOf,
  readExtensionList,
  readExtensions,
  readSerialNumber,
  readTime,
  type X509Reader,
} from './fields.ts'
import { crlBytesMax } from './limits.ts'
import type { X509Code } from './problems.ts'
import { signatureOf } from './signature-algorithms.ts'

/** A revocation list. Parsed, and believed by nobody yet. */
export interface Crl {
  readonly der: Uint8Array
  /** The bytes that the issuer signed. */
  readonly tbs: Uint8Array
  /** DER of the Name. */
  readonly issuer: Uint8Array
  readonly issuerCommonName: string | undefined
  readonly thisUpdate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  /** Serial numbers as {@link Certificate.serialNumber} has them. */
  readonly revoked: ReadonlySet<string>
  /** When the algorithm is known here. */
  readonly signature: Signature | undefined
}

/**
 * Parses a revocation list.
 *
 * @param der - DER of CertificateList, nothing before or after it.
 * @returns the fields, or one of {@link X509Code}. Lists that are partial, indirect or without `nextUpdate` are
 *   refused: their meaning is not "revoked or not".
 */
export function parseCrl(der: Uint8Array): Result<Crl, Problem<X509Code>> {
  if (der.length > crlBytesMax) {
    return refuse('crl-too-large', '@0x0', `more than ${crlBytesMax} bytes`)
  }
  return parsingDer<Crl, X509Code>(der, (top) =>
    top.inside(derTag.sequence, (list) => {
      const { algorithm, ...fields } = list.inside(derTag.sequence, readTbs)
      if (!equalBytes(list.element(derTag.sequence).whole, algorithm)) {
        list.fail('crl-malformed', 'two different signature algorithms')
      }
      return { der, ...fields, signature: signatureOf(algorithm, list.wholeBits()) }
    }),
  )
}

type TbsFields = Omit<Crl, 'der' | 'signature'> & { readonly algorithm: Uint8Array }

function readTbs(reader: X509Reader, tbs: Uint8Array): TbsFields {
  // Version 2 is written as 1. Version 1 has no extensions, so nothing could say that it is partial.
  if (reader.unsigned(1) !== 1) reader.fail('crl-malformed', 'not of version 2')
  const algorithm = reader.element(derTag.sequence).whole
  const issuer = reader.element(derTag.sequence).whole
  const thisUpdate = readTime(reader)
  const isTime = reader.nextTag() === derTag.utcTime || reader.nextTag() === derTag.generalizedTime
  const nextUpdate = isTime ? readTime(reader) : reader.fail('crl-malformed', 'no nextUpdate')
  const revoked = new Set<string>()
  if (reader.nextTag() === derTag.sequence) {
    reader.inside(derTag.sequence, (entries) => {
      while (entries.hasMore()) revoked.add(entries.inside(derTag.sequence, readEntry))
    })
  }
  refuseCritical(reader, readExtensions(reader, 0))
  return {
    tbs,
    algorithm,
    issuer,
    issuerCommonName: commonNameOf(issuer),
    thisUpdate,
    nextUpdate,
    revoked,
  }
}

function readEntry(entry: X509Reader): string {
  const serialNumber = hexOf(readSerialNumber(entry))
  readTime(entry)
  if (entry.hasMore()) refuseCritical(entry, entry.inside(derTag.sequence, readExtensionList))
  return serialNumber
}

/** What makes a list partial (delta) or indirect is a critical extension; no critical one is understood here. */
function refuseCritical(
  reader: X509Reader,
  extensions: readonly { readonly oid: string; readonly critical: boolean }[],
): void {
  const critical = extensions.find((extension) => extension.critical)
  if (critical !== undefined) reader.fail('unknown-critical-extension', critical.oid)
}
