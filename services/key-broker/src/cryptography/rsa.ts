/**
 * RSA: encryption, and signatures over digests that somebody else made.
 *
 * @see RFC 8017
 * @module
 */

import {
  constants,
  createHash,
  type KeyObject,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  timingSafeEqual,
} from 'node:crypto'
import { concat } from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'
import {
  type Hash,
  hashBytes,
  type RsaEncryption,
  type RsaSignature,
  rsaEncryptions,
  rsaSignatures,
} from './algorithms.ts'

/** @returns `undefined` where the plaintext is too long. */
export function rsaEncrypt(
  key: KeyObject,
  algorithm: RsaEncryption,
  plaintext: Uint8Array,
): Uint8Array | undefined {
  return attempt(() => publicEncrypt({ key, ...paddingOf(algorithm) }, plaintext))
}

/**
 * @returns `undefined` where the ciphertext is none. Of RSA1_5 that is never told: OpenSSL gives other bytes instead,
 *   so that nobody learns about the padding.
 */
export function rsaDecrypt(
  key: KeyObject,
  algorithm: RsaEncryption,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  // OpenSSL takes fewer bytes too, as those of a smaller number. RFC 8017, sections 7.1.2 and 7.2.2.
  if (ciphertext.length !== bitsOf(key) / 8) return undefined
  return attempt(() => privateDecrypt({ key, ...paddingOf(algorithm) }, ciphertext))
}

function paddingOf(algorithm: RsaEncryption): {
  readonly padding: number
  readonly oaepHash?: string
} {
  const oaepHash = rsaEncryptions[algorithm]
  return oaepHash === undefined
    ? { padding: constants.RSA_PKCS1_PADDING }
    : { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }
}

/** @param digest - of the length that the algorithm's hash has. */
export function rsaSign(
  key: KeyObject,
  algorithm: RsaSignature,
  digest: Uint8Array,
  random: Random,
): Uint8Array {
  const { hash, scheme } = rsaSignatures[algorithm]
  return scheme === 'pkcs1'
    ? new Uint8Array(
        privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digestInfo(hash, digest)),
      )
    : new Uint8Array(
        privateEncrypt(
          { key, padding: constants.RSA_NO_PADDING },
          pssEncode(hash, digest, random.bytes(hashBytes[hash]), bitsOf(key)),
        ),
      )
}

export function rsaVerify(
  key: KeyObject,
  algorithm: RsaSignature,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { hash, scheme } = rsaSignatures[algorithm]
  if (signature.length !== bitsOf(key) / 8) return false
  const padding = scheme === 'pkcs1' ? constants.RSA_PKCS1_PADDING : constants.RSA_NO_PADDING
  const opened = attempt(() => publicDecrypt({ key, padding }, signature))
  if (opened === undefined) return false
  return scheme === 'pkcs1'
    ? areEqual(opened, digestInfo(hash, digest))
    : isPssEncoding(opened, hash, digest, bitsOf(key))
}

function bitsOf(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 0
}

/** RFC 8017, section 9.2, note 1: what stands before a digest. */
const digestInfoPrefixes: Readonly<Record<Hash, string>> = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
}

function digestInfo(hash: Hash, digest: Uint8Array): Uint8Array {
  return concat(Buffer.from(digestInfoPrefixes[hash], 'hex'), digest)
}

/** EMSA-PSS-ENCODE, section 9.1.1, from step 4: the salt is as long as the hash, the modulus a whole number of bytes. */
function pssEncode(hash: Hash, digest: Uint8Array, salt: Uint8Array, bits: number): Uint8Array {
  const length = bits / 8
  const h = hashOf(hash, concat(new Uint8Array(8), digest, salt))
  const db = new Uint8Array(length - h.length - 1)
  db[db.length - salt.length - 1] = 1
  db.set(salt, db.length - salt.length)
  const masked = masking(hash, h, db)
  return concat(masked, h, Uint8Array.of(0xbc))
}

/** EMSA-PSS-VERIFY, section 9.1.2, from step 4. */
function isPssEncoding(encoded: Uint8Array, hash: Hash, digest: Uint8Array, bits: number): boolean {
  const saltBytes = hashBytes[hash]
  const dbBytes = bits / 8 - saltBytes - 1
  if (encoded.length !== bits / 8 || encoded.at(-1) !== 0xbc) return false
  if (((encoded[0] ?? 0xff) & 0x80) !== 0) return false
  const h = encoded.subarray(dbBytes, -1)
  const db = masking(hash, h, encoded.subarray(0, dbBytes))
  const padding = db.subarray(0, dbBytes - saltBytes)
  if (padding.at(-1) !== 1 || padding.subarray(0, -1).some((byte) => byte !== 0)) return false
  const salt = db.subarray(dbBytes - saltBytes)
  return areEqual(h, hashOf(hash, concat(new Uint8Array(8), digest, salt)))
}

/** Hides `db` under a mask made from `seed`, or shows it; its first bit is 0. */
function masking(hash: Hash, seed: Uint8Array, db: Uint8Array): Uint8Array {
  const masked = new Uint8Array(db.length)
  // MGF1, appendix B.2.1
  for (let offset = 0; offset < db.length; offset += hashBytes[hash]) {
    const counter = new Uint8Array(4)
    new DataView(counter.buffer).setUint32(0, offset / hashBytes[hash])
    const mask = hashOf(hash, concat(seed, counter))
    for (const [index, byte] of db.subarray(offset, offset + mask.length).entries()) {
      masked[offset + index] = byte ^ (mask[index] ?? 0)
    }
  }
  masked[0] = (masked[0] ?? 0) & 0x7f
  return masked
}

function hashOf(hash: Hash, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash(hash).update(bytes).digest())
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

function attempt(work: () => Uint8Array): Uint8Array | undefined {
  try {
    return new Uint8Array(work())
  } catch {
    return undefined
  }
}
