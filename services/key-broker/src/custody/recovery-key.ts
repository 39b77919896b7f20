/**
 * A key pair whose private half is nowhere but in shares: what is wrapped for it opens when enough of them come together.
 *
 * @see RFC 7516; RFC 8037 (ECDH-ES with X25519)
 * @module
 */

import { createPrivateKey, createPublicKey, hash, type KeyObject } from 'node:crypto'
import {
  base64UrlOf,
  bytesOfBase64Url,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'
import { CompactEncrypt, compactDecrypt, errors } from 'jose'
import { combine, split } from 'shamir-secret-sharing'
import { type KeyEncryption, wrappedByAnother } from './key-encryption.ts'
import { limits } from './limits.ts'
import type { Share } from './share.ts'

/** What is kept of a recovery set beside what is wrapped for it. None of it is secret. */
export interface RecoverySet {
  /** 32 hex digits. */
  readonly id: string
  /** Raw X25519, base64url. */
  readonly publicKey: string
  readonly threshold: number
  /** Hex SHA-256 of each share's bytes, in the order of their numbers: a share that was altered is told from a whole one. */
  readonly digests: readonly string[]
}

export type RecoveryCode =
  | 'recovery-set-mixed'
  | 'recovery-set-unknown'
  | 'shares-too-few'
  | 'share-repeated'
  | 'share-altered'

/** Draws a recovery key and splits it. The shares are in memory alone. */
export async function createRecoverySet(
  { shares, threshold }: { readonly shares: number; readonly threshold: number },
  random: Random,
): Promise<{ readonly set: RecoverySet; readonly shares: readonly Share[] }> {
  const { thresholdMin, sharesMax } = limits
  if (threshold < thresholdMin || threshold > shares || shares > sharesMax) {
    throw new RangeError('a threshold is from 2 to the number of shares')
  }
  const secret = random.bytes(keyBytes)
  const publicKey = publicBytesOf(privateKeyOf(secret))
  const parts = await split(secret, shares, threshold)
  secret.fill(0)
  const id = idOf(publicKey)
  return {
    set: {
      id,
      publicKey: base64UrlOf(publicKey),
      threshold,
      digests: parts.map((bytes) => hash('sha256', bytes, 'hex')),
    },
    shares: parts.map((bytes, index) => ({
      set: id.slice(0, 8),
      number: index + 1,
      threshold,
      shares,
      bytes,
    })),
  }
}

/** Wraps for a recovery set. Nothing opens again until shares come together. */
export function recoveryKeyEncryption({ id, publicKey }: RecoverySet): KeyEncryption {
  return keyEncryptionOf(id, publicKey, undefined)
}

/**
 * Puts shares together.
 *
 * @param sets - those that are known; the shares say which it is.
 * @returns what unwraps; one of {@link RecoveryCode}, with a sentence that says which share it is about.
 */
export async function combineShares(
  shares: readonly Share[],
  sets: readonly RecoverySet[],
): Promise<
  Result<{ readonly set: RecoverySet; readonly key: KeyEncryption }, Problem<RecoveryCode>>
> {
  const [first] = shares
  if (first === undefined) return refuse('shares-too-few', 'shares', 'No share was given.')
  const other = shares.find(({ set }) => set !== first.set)
  if (other !== undefined) {
    const detail = `Share ${first.number} is of set ${first.set}, and share ${other.number} of set ${other.set}: they do not belong together.`
    return refuse('recovery-set-mixed', `share ${other.number}`, detail)
  }
  const set = sets.find(({ id }) => id.startsWith(first.set))
  if (set === undefined) {
    const detail = `The shares are of set ${first.set}, which opens nothing here: it was replaced, or is of another broker.`
    return refuse('recovery-set-unknown', 'shares', detail)
  }
  const altered = shares.find(
    ({ number, bytes }) => set.digests[number - 1] !== hash('sha256', bytes, 'hex'),
  )
  if (altered !== undefined) {
    const detail = `Share ${altered.number} is not the one that was given out under this number.`
    return refuse('share-altered', `share ${altered.number}`, detail)
  }
  const numbers = new Set(shares.map(({ number }) => number))
  const repeated = shares.find(
    (one, index) => shares.findIndex(({ number }) => number === one.number) !== index,
  )
  if (repeated !== undefined) {
    return refuse(
      'share-repeated',
      `share ${repeated.number}`,
      `Share ${repeated.number} was given twice.`,
    )
  }
  if (numbers.size < set.threshold) {
    const detail = `It takes ${set.threshold} shares; these are ${numbers.size}.`
    return refuse('shares-too-few', 'shares', detail)
  }
  const secret = await combine(shares.slice(0, set.threshold).map(({ bytes }) => bytes))
  const privateKey = privateKeyOf(secret)
  secret.fill(0)
  if (idOf(publicBytesOf(privateKey)) !== set.id) {
    return refuse(
      'share-altered',
      'shares',
      'The shares make another key than the one that was split.',
    )
  }
  return ok({ set, key: keyEncryptionOf(set.id, set.publicKey, privateKey) })
}

function keyEncryptionOf(
  id: string,
  publicKey: string,
  privateKey: KeyObject | undefined,
): KeyEncryption {
  return {
    kind: 'recovery',
    id,
    opens: (one) => privateKey !== undefined && one === id,
    async wrap(bytes, context) {
      const key = createPublicKey({
        key: { kty: 'OKP', crv: 'X25519', x: publicKey },
        format: 'jwk',
      })
      const jwe = await new CompactEncrypt(bytes)
        .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', kid: id, context })
        .encrypt(key)
      return ok(utf8Of(jwe))
    },
    async unwrap(wrapped, context) {
      if (privateKey === undefined) {
        return refuse('key-encryption-unavailable', 'recovery', 'It takes shares to open this.')
      }
      try {
        const options = {
          keyManagementAlgorithms: ['ECDH-ES'],
          contentEncryptionAlgorithms: ['A256GCM'],
        }
        const opened = await compactDecrypt(textOf(wrapped) ?? '', privateKey, options)
        const isMeant = opened.protectedHeader['context'] === context
        return isMeant ? ok(opened.plaintext) : wrappedByAnother()
      } catch (error) {
        if (error instanceof errors.JOSEError) return wrappedByAnother()
        throw error
      }
    },
  }
}

const keyBytes = 32
/** PKCS #8 of an X25519 key, up to its 32 bytes (RFC 8410). */
const pkcs8Head = Buffer.from('302e020100300506032b656e04220420', 'hex')

function privateKeyOf(secret: Uint8Array): KeyObject {
  const key = Buffer.concat([pkcs8Head, secret])
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
}

function publicBytesOf(privateKey: KeyObject): Uint8Array {
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
  return bytesOfBase64Url(x) ?? new Uint8Array()
}

function idOf(publicKey: Uint8Array): string {
  return hexOf(hash('sha256', publicKey, 'buffer')).slice(0, 32)
}
