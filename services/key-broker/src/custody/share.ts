/**
 * A share of a recovery key as a person writes it down and types it.
 *
 * 45 bytes in Crockford's base 32, in twelve groups of six characters and a seventh that finds a typing error in its group:
 * `version (1) ‖ set (4) ‖ number (1) ‖ threshold (1) ‖ shares (1) ‖ share (33) ‖ checksum (4)`.
 *
 * @see docs/operations/key-custody.md
 * @module
 */

import { hash } from 'node:crypto'
import {
  concat,
  equalBytes,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
} from '@sealward/attestation/bytes'
import { limits } from './limits.ts'

export interface Share {
  /** First eight hex digits of the recovery key's id. */
  readonly set: string
  /** From 1, as printed on it. */
  readonly number: number
  /** How many it takes, of how many. */
  readonly threshold: number
  readonly shares: number
  /** 32 bytes and a coordinate. */
  readonly bytes: Uint8Array
}

export type ShareCode = 'share-malformed' | 'share-mistyped' | 'share-version-unknown'

/** Groups of seven, with hyphens between. */
export function shareText({ set, number, threshold, shares, bytes }: Share): string {
  const body = concat(
    Uint8Array.of(formatVersion),
    Buffer.from(set, 'hex'),
    Uint8Array.of(number, threshold, shares),
    bytes,
  )
  if (body.length !== bodyBytes) throw new RangeError('a share is of one length')
  const digits = digitsOf(concat(body, checksumOf(body)))
  return Array.from({ length: groupCount }, (_, group) => {
    const values = digits.slice(group * groupDigits, (group + 1) * groupDigits)
    return [...values, checkOf(values, group)].map((value) => alphabet[value]).join('')
  }).join('-')
}

/**
 * Reads a share: upper or lower case, with any spaces and hyphens; O is read as 0, I and L as 1.
 *
 * @returns it; `share-malformed`, `share-mistyped` with the group in which it is, or `share-version-unknown`.
 */
export function parseShare(text: string): Result<Share, Problem<ShareCode>> {
  const written = text.slice(0, limits.shareCharactersMax).toUpperCase().replace(/[\s-]/g, '')
  const plain = written.replace(/O/g, '0').replace(/[IL]/g, '1')
  const strange = /[^0-9A-HJKMNP-TV-Z]/u.exec(plain)?.[0]
  if (strange !== undefined) {
    return refuse('share-malformed', 'share', `A share has no ${JSON.stringify(strange)}.`)
  }
  const length = groupCount * (groupDigits + 1)
  if (plain.length !== length || text.length > limits.shareCharactersMax) {
    const detail = `A share has ${groupCount} groups of ${groupDigits + 1} characters, ${length} in all; these are ${plain.length}.`
    return refuse('share-malformed', 'share', detail)
  }
  const digits: number[] = []
  for (let group = 0; group < groupCount; group++) {
    const start = group * (groupDigits + 1)
    const values = Array.from(plain.slice(start, start + groupDigits), (one) =>
      alphabet.indexOf(one),
    )
    if (alphabet[checkOf(values, group)] !== plain[start + groupDigits]) {
      const at = `group ${group + 1}`
      return refuse('share-mistyped', at, `There is a typing error in group ${group + 1}.`)
    }
    digits.push(...values)
  }
  const bytes = bytesOfDigits(digits)
  const body = bytes.subarray(0, bodyBytes)
  if (!equalBytes(checksumOf(body), bytes.subarray(bodyBytes))) {
    return refuse('share-mistyped', 'share', 'There is a typing error in more than one character.')
  }
  const [version, , , , , number = 0, threshold = 0, shares = 0] = body
  if (version !== formatVersion) {
    return refuse('share-version-unknown', 'share', 'A newer version printed this share.')
  }
  const set = hexOf(body.subarray(1, 5))
  return ok({ set, number, threshold, shares, bytes: body.slice(8) })
}

const formatVersion = 1
const bodyBytes = 41
const checksumBytes = 4
const groupCount = 12
const groupDigits = 6
/** Crockford's: without I, L, O and U. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

function checksumOf(body: Uint8Array): Uint8Array {
  return hash('sha256', concat(body, Buffer.from('sealward share 1')), 'buffer').subarray(
    0,
    checksumBytes,
  )
}

/**
 * Weighted sum over GF(32), in which every weight is another one: finds each single wrong character, and each two that
 * changed places. It begins with the group's number, so that groups cannot change places either.
 */
function checkOf(values: readonly number[], group: number): number {
  let sum = group + 1
  let weight = 1
  for (const value of values) {
    weight = double(weight)
    sum ^= times(value, weight)
  }
  return sum
}

/** By x, modulo x⁵ + x² + 1. */
function double(value: number): number {
  const shifted = value << 1
  return (shifted & 32) === 0 ? shifted : shifted ^ 0b100101
}

function times(one: number, other: number): number {
  let product = 0
  let shifted = one
  for (let bit = 0; bit < 5; bit++) {
    if (((other >> bit) & 1) === 1) product ^= shifted
    shifted = double(shifted)
  }
  return product
}

/** 45 bytes are 72 digits of five bits, without a rest. */
function digitsOf(bytes: Uint8Array): readonly number[] {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{5}/g) ?? []).map((digit) => Number.parseInt(digit, 2))
}

function bytesOfDigits(digits: readonly number[]): Uint8Array {
  const bits = digits.map((digit) => digit.toString(2).padStart(5, '0')).join('')
  return Uint8Array.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}
