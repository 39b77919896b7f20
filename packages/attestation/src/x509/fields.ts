/**
 * What certificates and revocation lists have in common.
 *
 * @see RFC 5280, sections 4.1 and 5.1
 * @module
 */

import type { UnixSeconds } from '../bytes/index.ts'
import { contextTag, type DerReader, derTag, parsingDer } from '../der/index.ts'
import { extensionsMax, serialNumberBytesMax } from './limits.ts'
import type { X509Code } from './problems.ts'

export type X509Reader = DerReader<X509Code>

/** One extension; its value is DER of a type that {@link oid} names. */
export interface Extension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Uint8Array
}

/** `[number] EXPLICIT Extensions`, or none. An extension that occurs twice is refused. */
export function readExtensions(reader: X509Reader, number: number): readonly Extension[] {
  if (reader.nextTag() !== contextTag(number)) return []
  return reader.inside(contextTag(number), (wrapper) =>
    wrapper.inside(derTag.sequence, readExtensionList),
  )
}

/** `SEQUENCE OF Extension`, from inside. */
export function readExtensionList(list: X509Reader): readonly Extension[] {
  const extensions: Extension[] = []
  while (list.hasMore()) {
    const extension = list.inside(derTag.sequence, readExtension)
    if (extensions.some(({ oid }) => oid === extension.oid)) {
      list.fail('certificate-malformed', 'an extension occurs twice')
    }
    extensions.push(extension)
    if (extensions.length > extensionsMax) {
      list.fail('certificate-malformed', `more than ${extensionsMax} extensions`)
    }
  }
  return extensions
}

function readExtension(reader: X509Reader): Extension {
  const oid = reader.objectIdentifier()
  // DEFAULT FALSE, and DER does not write defaults; some issuers do, and that harms nobody.
  const critical = reader.nextTag() === derTag.boolean && reader.boolean()
  return { oid, critical, value: reader.octets() }
}

/** CertificateSerialNumber, as hex of its content. */
export function readSerialNumber(reader: X509Reader): Uint8Array {
  const serialNumber = reader.integer()
  return serialNumber.length <= serialNumberBytesMax
    ? serialNumber
    : reader.fail('certificate-malformed', 'a serial number is too long')
}

/**
 * Time: UTCTime up to 2049, GeneralizedTime from 2050, both to the second and in UTC.
 *
 * @see RFC 5280, section 4.1.2.5
 */
export function readTime(reader: X509Reader): UnixSeconds {
  const { tag, content } = reader.any()
  const text = String.fromCharCode(...content.subarray(0, 16))
  if (tag === derTag.utcTime) {
    const century = Number(text.slice(0, 2)) >= 50 ? '19' : '20'
    return instantOf(century + text) ?? reader.fail('certificate-malformed', 'not a UTCTime')
  }
  if (tag === derTag.generalizedTime) {
    return instantOf(text) ?? reader.fail('certificate-malformed', 'not a GeneralizedTime')
  }
  return reader.fail('certificate-malformed', 'not a time')
}

function instantOf(text: string): UnixSeconds | undefined {
  if (!/^\d{14}Z$/.test(text)) return undefined
  const digits = (start: number, end: number): number => Number(text.slice(start, end))
  const [year, month, day] = [digits(0, 4), digits(4, 6), digits(6, 8)]
  const [hour, minute, second] = [digits(8, 10), digits(10, 12), digits(12, 14)]
  // Years below 100 are years of the last century to Date.UTC, and of no certificate.
  if (year < 100 || hour > 23 || minute > 59 || second > 59) return undefined
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  const isDate = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  return isDate ? date.getTime() / 1000 : undefined
}

/** The last commonName of a Name, when it is text. */
export function commonNameOf(name: Uint8Array): string | undefined {
  const parsed = parsingDer(name, (reader) => {
    let found: string | undefined
    reader.inside(derTag.sequence, (sequence) => {
      while (sequence.hasMore()) {
        sequence.inside(derTag.set, (set) => {
          while (set.hasMore()) found = set.inside(derTag.sequence, readCommonName) ?? found
        })
      }
    })
    return found
  })
  return parsed.ok ? parsed.value : undefined
}

function readCommonName(attribute: DerReader): string | undefined {
  const oid = attribute.objectIdentifier()
  const { tag, content } = attribute.any()
  if (oid !== '2.5.4.3' || !textTags.includes(tag)) return undefined
  return new TextDecoder().decode(content)
}

const textTags: readonly number[] = [derTag.utf8String, derTag.printableString, derTag.ia5String]
