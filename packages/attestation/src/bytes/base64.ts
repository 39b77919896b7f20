/**
 * Base64 and base64url, strict: one text for each byte string and the other way round.
 *
 * @see RFC 4648, sections 3.5, 4 and 5
 * @module
 */

import { equalBytes } from './bytes.ts'

/** Base64url without padding. */
export function base64UrlOf(bytes: Uint8Array): string {
  if (toBase64 !== undefined) {
    return toBase64.call(bytes, { alphabet: 'base64url', omitPadding: true })
  }
  return base64Of(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Base64 with padding, on one line. */
export function base64Of(bytes: Uint8Array): string {
  if (toBase64 !== undefined) return toBase64.call(bytes)
  let binary = ''
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    binary += String.fromCharCode(...bytes.subarray(offset, offset + chunkBytes))
  }
  return btoa(binary)
}

/**
 * The bytes of base64url text without padding.
 *
 * @returns `undefined` for any other text: padded, with white space, of a length that no bytes have, or
 *   with bits set that carry nothing.
 */
export function bytesOfBase64Url(text: string): Uint8Array | undefined {
  if (fromBase64 !== undefined) return bytesOfBase64UrlByEngine(text, fromBase64)
  if (text.length % 4 === 1 || !/^[A-Za-z0-9_-]*$/.test(text)) return undefined
  const padding = '='.repeat((4 - (text.length % 4)) % 4)
  return bytesOfBase64(text.replaceAll('-', '+').replaceAll('_', '/') + padding)
}

/**
 * The bytes of padded base64 text.
 *
 * @returns `undefined` for any other text.
 */
export function bytesOfBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  if (fromBase64 !== undefined) return decoded(text, fromBase64, { lastChunkHandling: 'strict' })
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let index = 0; index < bytes.length; index++) bytes[index] = binary.charCodeAt(index)
  return isCanonicalTail(text, bytes) ? bytes : undefined
}

type FromBase64 = (text: string, options: FromBase64Options) => Uint8Array

interface FromBase64Options {
  readonly alphabet?: 'base64url'
  /** `loose` takes text without padding, and bits that carry nothing. */
  readonly lastChunkHandling: 'strict' | 'loose'
}

/** What engines of 2025 and later do themselves (ECMAScript 2026). */
const { fromBase64 } = Uint8Array as unknown as { readonly fromBase64?: FromBase64 }

function decoded(
  text: string,
  engine: FromBase64,
  options: FromBase64Options,
): Uint8Array | undefined {
  try {
    return engine.call(Uint8Array, text, options)
  } catch {
    return undefined
  }
}

/** The engine passes over white space and padding: the text is then too long for the bytes. */
function bytesOfBase64UrlByEngine(text: string, engine: FromBase64): Uint8Array | undefined {
  const bytes = decoded(text, engine, { alphabet: 'base64url', lastChunkHandling: 'loose' })
  const over = text.length % 4
  const carried = (text.length - over) * 0.75 + Math.max(0, over - 1)
  if (bytes === undefined || over === 1 || bytes.length !== carried) return undefined
  return over === 0 || base64UrlOf(bytes.subarray(-(over - 1))) === text.slice(-over)
    ? bytes
    : undefined
}

/** The same, the other way round. */
const { toBase64 } = Uint8Array.prototype as unknown as {
  readonly toBase64?: (
    this: Uint8Array,
    options?: { alphabet: 'base64url'; omitPadding: true },
  ) => string
}

/** The last group is the one that could carry stray bits. */
function isCanonicalTail(text: string, bytes: Uint8Array): boolean {
  if (!text.endsWith('=')) return true
  const tail = bytes.subarray(bytes.length - (bytes.length % 3))
  return equalBytes(codesOf(base64Of(tail)), codesOf(text.slice(-4)))
}

function codesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** How many bytes go through one call of `String.fromCharCode`; engines limit the argument count. */
const chunkBytes = 0x2000
