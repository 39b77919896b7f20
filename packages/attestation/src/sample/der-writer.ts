/**
 * Writing DER, for the sample vendor only: what is verified is never written here.
 *
 * @see ITU-T X.690, sections 8 and 10
 * @module
 */

import { type Bytes, concat, type UnixSeconds, utf8Of } from '../bytes/index.ts'
import { contextTag, derTag } from '../der/index.ts'

/** One element: identifier, length in its shortest form, content. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concat(...contents)
  return concat(Uint8Array.of(tag), lengthOf(content.length), content)
}

export function sequence(...elements: readonly Uint8Array[]): Uint8Array {
  return element(derTag.sequence, ...elements)
}

export function set(...elements: readonly Uint8Array[]): Uint8Array {
  return element(derTag.set, ...elements)
}

/** `[number] EXPLICIT`. */
export function explicit(number: number, inner: Uint8Array): Uint8Array {
  return element(contextTag(number), inner)
}

/** INTEGER (or ENUMERATED) of a number that is not negative, big-endian. */
export function unsignedInteger(
  value: number | Uint8Array,
  tag: number = derTag.integer,
): Uint8Array {
  const digits = typeof value === 'number' ? digitsOf(value) : value
  const start = digits.findIndex((digit) => digit !== 0)
  const minimal = start === -1 ? Uint8Array.of(0) : digits.subarray(start)
  const sign = (minimal[0] ?? 0) > 0x7f ? Uint8Array.of(0) : new Uint8Array()
  return element(tag, sign, minimal)
}

export function boolean(value: boolean): Uint8Array {
  return element(derTag.boolean, Uint8Array.of(value ? 0xff : 0x00))
}

export function octetString(content: Uint8Array): Uint8Array {
  return element(derTag.octetString, content)
}

/** BIT STRING; `unused` bits at the end do not count. */
export function bitString(content: Uint8Array, unused = 0): Uint8Array {
  return element(derTag.bitString, Uint8Array.of(unused), content)
}

export function utf8String(text: string): Uint8Array {
  return element(derTag.utf8String, utf8Of(text))
}

/** OBJECT IDENTIFIER of its dotted form. */
export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number)
  return element(
    derTag.objectIdentifier,
    ...[40 * first + second, ...others].map((arc) => base128Of(arc)),
  )
}

/** UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280, section 4.1.2.5). */
export function time(instant: UnixSeconds): Uint8Array {
  const text = new Date(instant * 1000).toISOString().replace(/[-:T]|\.000/g, '')
  return text < '2050'
    ? element(derTag.utcTime, utf8Of(text.slice(2)))
    : element(derTag.generalizedTime, utf8Of(text))
}

/** Ecdsa-Sig-Value of `r ‖ s`. */
export function ecdsaSignature(raw: Bytes<64>): Uint8Array {
  return sequence(unsignedInteger(raw.subarray(0, 32)), unsignedInteger(raw.subarray(32)))
}

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  const digits = digitsOf(length)
  return concat(Uint8Array.of(0x80 | digits.length), digits)
}

function digitsOf(value: number): Uint8Array {
  const digits: number[] = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256)
  return Uint8Array.from(digits)
}

function base128Of(arc: number): Uint8Array {
  const digits = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
    digits.unshift(0x80 | (rest % 128))
  }
  return Uint8Array.from(digits)
}
