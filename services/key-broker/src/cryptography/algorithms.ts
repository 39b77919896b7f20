/**
 * What Key Vault calls each algorithm, and what it takes.
 *
 * @see Key Vault, "Key types, algorithms, and operations"; RFC 7518
 * @module
 */

import type { Curve, KeyFamily } from '../keys/key-type.ts'

/** Wraps or encrypts under an RSA key. */
export const rsaEncryptions = {
  RSA1_5: undefined,
  'RSA-OAEP': 'sha1',
  'RSA-OAEP-256': 'sha256',
} as const

export type RsaEncryption = keyof typeof rsaEncryptions

/** Encrypts under a symmetric key: its bits, and how. */
export const octEncryptions = {
  A128GCM: { bits: 128, mode: 'gcm' },
  A192GCM: { bits: 192, mode: 'gcm' },
  A256GCM: { bits: 256, mode: 'gcm' },
  A128CBC: { bits: 128, mode: 'cbc' },
  A192CBC: { bits: 192, mode: 'cbc' },
  A256CBC: { bits: 256, mode: 'cbc' },
  A128CBCPAD: { bits: 128, mode: 'cbcpad' },
  A192CBCPAD: { bits: 192, mode: 'cbcpad' },
  A256CBCPAD: { bits: 256, mode: 'cbcpad' },
} as const

export type OctEncryption = keyof typeof octEncryptions

/** Wraps keys under a symmetric key; without bits, under one of any size. */
export const octWraps = {
  A128KW: { bits: 128, padded: false },
  A192KW: { bits: 192, padded: false },
  A256KW: { bits: 256, padded: false },
  CKM_AES_KEY_WRAP: { bits: undefined, padded: false },
  CKM_AES_KEY_WRAP_PAD: { bits: undefined, padded: true },
} as const

export type OctWrap = keyof typeof octWraps

/** Signs a digest with an RSA key. */
export const rsaSignatures = {
  RS256: { hash: 'sha256', scheme: 'pkcs1' },
  RS384: { hash: 'sha384', scheme: 'pkcs1' },
  RS512: { hash: 'sha512', scheme: 'pkcs1' },
  PS256: { hash: 'sha256', scheme: 'pss' },
  PS384: { hash: 'sha384', scheme: 'pss' },
  PS512: { hash: 'sha512', scheme: 'pss' },
} as const

export type RsaSignature = keyof typeof rsaSignatures

/** Signs a digest with an EC key on its curve. */
export const ecSignatures: Readonly<
  Record<'ES256' | 'ES384' | 'ES512', { readonly crv: Curve; readonly hash: Hash }>
> = {
  ES256: { crv: 'P-256', hash: 'sha256' },
  ES384: { crv: 'P-384', hash: 'sha384' },
  ES512: { crv: 'P-521', hash: 'sha512' },
}

/** Authenticates with a symmetric key. */
export const octSignatures = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const

export type Hash = 'sha256' | 'sha384' | 'sha512'

export const hashBytes: Readonly<Record<Hash, number>> = { sha256: 32, sha384: 48, sha512: 64 }

export const encryptionsOf: Readonly<Record<KeyFamily, readonly string[]>> = {
  RSA: Object.keys(rsaEncryptions),
  EC: [],
  oct: Object.keys(octEncryptions),
}

export const wrapsOf: Readonly<Record<KeyFamily, readonly string[]>> = {
  RSA: Object.keys(rsaEncryptions),
  EC: [],
  oct: Object.keys(octWraps),
}

export const signaturesOf: Readonly<Record<KeyFamily, readonly string[]>> = {
  RSA: Object.keys(rsaSignatures),
  EC: Object.keys(ecSignatures),
  oct: Object.keys(octSignatures),
}
