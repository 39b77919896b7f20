/**
 * Symmetric keys: encryption, key wrap, authentication.
 *
 * @see NIST SP 800-38A, SP 800-38D; RFC 3394; RFC 5649; RFC 2104
 * @module
 */

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto'
import { concat } from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'
import {
  type OctEncryption,
  type OctWrap,
  octEncryptions,
  octSignatures,
  octWraps,
} from './algorithms.ts'

export interface Encrypted {
  readonly ciphertext: Uint8Array
  readonly iv: Uint8Array
  readonly tag?: Uint8Array
}

/**
 * @param input.iv - of CBC: 16 bytes, the caller's. Of GCM it is drawn here: one that is used twice tells the key.
 * @returns `undefined` where plaintext or `iv` are of a wrong length.
 */
export function octEncrypt(
  key: KeyObject,
  algorithm: OctEncryption,
  input: {
    readonly plaintext: Uint8Array
    readonly iv?: Uint8Array | undefined
    readonly aad?: Uint8Array | undefined
  },
  random: Random,
): Encrypted | undefined {
  const { bits, mode } = octEncryptions[algorithm]
  return attempt(() => {
    if (mode === 'gcm') {
      if (input.iv !== undefined) return undefined
      const iv = random.bytes(gcmNonceBytes)
      const cipher = createCipheriv(`aes-${bits}-gcm`, key, iv, { authTagLength: tagBytes })
      if (input.aad !== undefined) cipher.setAAD(input.aad)
      const ciphertext = concat(cipher.update(input.plaintext), cipher.final())
      return { ciphertext, iv, tag: new Uint8Array(cipher.getAuthTag()) }
    }
    if (input.iv?.length !== blockBytes || input.aad !== undefined) return undefined
    const cipher = createCipheriv(`aes-${bits}-cbc`, key, input.iv)
    cipher.setAutoPadding(mode === 'cbcpad')
    return { ciphertext: concat(cipher.update(input.plaintext), cipher.final()), iv: input.iv }
  })
}

/** @returns `undefined` where it does not decrypt. */
export function octDecrypt(
  key: KeyObject,
  algorithm: OctEncryption,
  input: {
    readonly ciphertext: Uint8Array
    readonly iv?: Uint8Array | undefined
    readonly aad?: Uint8Array | undefined
    readonly tag?: Uint8Array | undefined
  },
): Uint8Array | undefined {
  const { bits, mode } = octEncryptions[algorithm]
  const { ciphertext, iv, aad, tag } = input
  return attempt(() => {
    if (mode === 'gcm') {
      if (iv?.length !== gcmNonceBytes || tag?.length !== tagBytes) return undefined
      const decipher = createDecipheriv(`aes-${bits}-gcm`, key, iv, { authTagLength: tagBytes })
      if (aad !== undefined) decipher.setAAD(aad)
      decipher.setAuthTag(tag)
      return concat(decipher.update(ciphertext), decipher.final())
    }
    if (iv?.length !== blockBytes || aad !== undefined || tag !== undefined) return undefined
    const decipher = createDecipheriv(`aes-${bits}-cbc`, key, iv)
    decipher.setAutoPadding(mode === 'cbcpad')
    return concat(decipher.update(ciphertext), decipher.final())
  })
}

const gcmNonceBytes = 12
const tagBytes = 16
const blockBytes = 16

/** @returns `undefined` where the key to be wrapped is of a length that cannot be. */
export function octWrap(
  key: KeyObject,
  algorithm: OctWrap,
  plaintext: Uint8Array,
): Uint8Array | undefined {
  const { cipher: name, iv, bytesMin } = wrapOf(key, algorithm)
  if (plaintext.length < bytesMin) return undefined
  return attempt(() => {
    const cipher = createCipheriv(name, key, iv)
    return concat(cipher.update(plaintext), cipher.final())
  })
}

/** @returns `undefined` where it was not wrapped by this key. */
export function octUnwrap(
  key: KeyObject,
  algorithm: OctWrap,
  wrapped: Uint8Array,
): Uint8Array | undefined {
  const { cipher: name, iv, bytesMin } = wrapOf(key, algorithm)
  // Of nothing OpenSSL makes nothing.
  if (wrapped.length < bytesMin) return undefined
  return attempt(() => {
    const decipher = createDecipheriv(name, key, iv)
    return concat(decipher.update(wrapped), decipher.final())
  })
}

function wrapOf(
  key: KeyObject,
  algorithm: OctWrap,
): { readonly cipher: string; readonly iv: Uint8Array; readonly bytesMin: number } {
  const bits = (key.symmetricKeySize ?? 0) * 8
  return octWraps[algorithm].padded
    ? { cipher: `id-aes${bits}-wrap-pad`, iv: Uint8Array.of(0xa6, 0x59, 0x59, 0xa6), bytesMin: 1 }
    : { cipher: `id-aes${bits}-wrap`, iv: new Uint8Array(8).fill(0xa6), bytesMin: 16 }
}

export function octSign(
  key: KeyObject,
  algorithm: keyof typeof octSignatures,
  digest: Uint8Array,
): Uint8Array {
  return new Uint8Array(createHmac(octSignatures[algorithm], key).update(digest).digest())
}

export function octVerify(
  key: KeyObject,
  algorithm: keyof typeof octSignatures,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const expected = octSign(key, algorithm, digest)
  return expected.length === signature.length && timingSafeEqual(expected, signature)
}

function attempt<T>(work: () => T | undefined): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
