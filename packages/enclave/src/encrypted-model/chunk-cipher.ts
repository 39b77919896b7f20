/**
 * AES-256-GCM over chunks in order, the last one marked: none can be left out, moved, or cut off.
 *
 * @see Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", STREAM
 * @module
 */

import { createCipheriv, createDecipheriv } from 'node:crypto'
import { concat } from '@sealward/attestation/bytes'

export const tagBytes = 16

/** A content key encrypts one file, so that counting gives each chunk a nonce of its own. */
export function sealChunk(
  key: Uint8Array,
  header: Uint8Array,
  chunk: { readonly index: number; readonly isLast: boolean; readonly bytes: Uint8Array },
): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(chunk.index, chunk.isLast))
  cipher.setAAD(header)
  return concat(cipher.update(chunk.bytes), cipher.final(), cipher.getAuthTag())
}

/** @returns `undefined` for what is not this chunk of this file. */
export function openChunk(
  key: Uint8Array,
  header: Uint8Array,
  chunk: { readonly index: number; readonly isLast: boolean; readonly bytes: Uint8Array },
): Uint8Array | undefined {
  const { bytes, index, isLast } = chunk
  const end = bytes.length - tagBytes
  if (end < 0) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index, isLast), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(header)
  decipher.setAuthTag(bytes.subarray(end))
  try {
    return concat(decipher.update(bytes.subarray(0, end)), decipher.final())
  } catch {
    return undefined
  }
}

function nonceOf(index: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(12)
  const view = new DataView(nonce.buffer)
  view.setUint32(7, index)
  view.setUint8(11, isLast ? 1 : 0)
  return nonce
}
