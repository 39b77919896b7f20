/**
 * AES-256-GCM bound to a place: what was sealed for one row and version opens nowhere else.
 *
 * @see docs/spec/sealing.md
 * @see NIST SP 800-38D; RFC 5869
 * @module
 */

import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import {
  base64UrlOf,
  concat,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import { type Random, systemRandom } from '../effects/index.ts'
import { sealingLimits } from './limits.ts'
import type { MasterKey } from './master-key.ts'

/** Which row, of which kind, in which version. Sealed bytes open nowhere else. */
export interface SealedAddress {
  /** `Patient`, `film`, … */
  readonly type: string
  readonly id: string
  /** Counts up with every change; the reader says which version it expects. */
  readonly version: number
}

/** A patient's data key as it is stored: sealed by the master key, and bound to the patient's id. */
export type WrappedDataKey = Uint8Array

/** A patient's data key and whose it is. Destroying the wrapped key destroys all that it sealed. */
export interface PatientKey {
  /** The platform's own id of the patient. */
  readonly patient: string
  readonly wrapped: WrappedDataKey
}

/**
 * `sealed-malformed`: not of our form. `sealed-mismatch`: moved, swapped, rolled back, altered, or sealed
 * by another key. `data-key-mismatch`: the same of a wrapped data key.
 */
export type SealingCode = 'sealed-malformed' | 'sealed-mismatch' | 'data-key-mismatch'

export interface Sealer {
  /** Names the master key without telling anything about it; 32 hex digits. To be stored beside the data. */
  readonly keyId: string
  /** Draws a data key for one patient, and wraps it. */
  newDataKey(patient: string): WrappedDataKey
  /**
   * Seals under the patient's data key, or under the master key without one.
   *
   * @throws when the wrapped key is not this patient's: a program that seals under a key that it cannot
   *   open would lose what it seals.
   */
  seal(address: SealedAddress, plaintext: Uint8Array, key?: PatientKey): Uint8Array
  /** @returns the plaintext, or one of {@link SealingCode}. */
  open(
    address: SealedAddress,
    sealed: Uint8Array,
    key?: PatientKey,
  ): Result<Uint8Array, Problem<SealingCode>>
  /** HMAC-SHA-256 of a value under a key for `name`, base64url: equal values are found, and nothing else is told. */
  blindIndex(name: string, value: string): string
}

/** Seals with keys made from `masterKey`; `random` draws nonces and data keys. */
export function createSealer(
  masterKey: MasterKey,
  { random = systemRandom }: { readonly random?: Random } = {},
): Sealer {
  if (masterKey.length !== keyBytes) throw new RangeError('a master key is 32 bytes')
  const derived = (purpose: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', masterKey, new Uint8Array(0), utf8Of(purpose), keyBytes))
  const rowKey = derived('sealward seal rows 1')
  const wrapKey = derived('sealward wrap data keys 1')
  const indexKey = derived('sealward blind index 1')
  const keyId = hexOf(derived('sealward key id 1').subarray(0, 16))

  const unwrap = (key: PatientKey): Result<Uint8Array, Problem<SealingCode>> => {
    const opened = openUnder(wrapKey, dataKeyContext(key.patient), key.wrapped)
    return opened?.length === keyBytes
      ? ok(opened)
      : refuse('data-key-mismatch', 'dataKey', 'the wrapped data key is not of this patient')
  }

  return {
    keyId,
    newDataKey: (patient) =>
      sealUnder(wrapKey, dataKeyContext(patient), random.bytes(keyBytes), random),
    seal(address, plaintext, key) {
      if (plaintext.length > sealingLimits.plaintextBytesMax) {
        throw new RangeError('too large to be sealed at once')
      }
      const under = key === undefined ? ok(rowKey) : unwrap(key)
      if (!under.ok) throw new Error(under.problem.code)
      return sealUnder(under.value, contextOf(address, key?.patient), plaintext, random)
    },
    open(address, sealed, key) {
      if (sealed.length < overheadBytes || sealed[0] !== formatVersion) {
        return refuse('sealed-malformed', '@0x0', 'not sealed by this version')
      }
      const under = key === undefined ? ok(rowKey) : unwrap(key)
      if (!under.ok) return under
      const plaintext = openUnder(under.value, contextOf(address, key?.patient), sealed)
      return plaintext === undefined
        ? refuse('sealed-mismatch', 'sealed', 'not sealed for this row and version by this key')
        : ok(plaintext)
    },
    blindIndex(name, value) {
      const key = createHmac('sha256', indexKey).update(name).digest()
      return base64UrlOf(createHmac('sha256', key).update(value.normalize('NFC')).digest())
    },
  }
}

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const formatVersion = 1
const overheadBytes = 1 + nonceBytes + tagBytes

/** One text for each address: an array of JSON values has no other reading. */
function contextOf(address: SealedAddress, patient: string | undefined): Uint8Array {
  const { type, id, version } = address
  if (!Number.isSafeInteger(version) || version < 0) throw new RangeError('a version is whole')
  if (type.length + id.length > sealingLimits.addressCharactersMax) {
    throw new RangeError('an address is short')
  }
  return utf8Of(JSON.stringify(['sealward sealed 1', id, version, type, patient ?? null]))
}

function dataKeyContext(patient: string): Uint8Array {
  return utf8Of(JSON.stringify(['sealward data key 1', patient]))
}

/**
 * `version (1) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`. Each context has a key of its own, so that random
 * nonces meet only among the seals of one version of one row.
 */
function sealUnder(
  key: Uint8Array,
  context: Uint8Array,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array {
  const nonce = random.bytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', contextKey(key, context), nonce)
  cipher.setAAD(context)
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return concat(Uint8Array.of(formatVersion), nonce, ciphertext, cipher.getAuthTag())
}

function openUnder(
  key: Uint8Array,
  context: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < overheadBytes || sealed[0] !== formatVersion) return undefined
  const nonce = sealed.subarray(1, 1 + nonceBytes)
  const decipher = createDecipheriv('aes-256-gcm', contextKey(key, context), nonce, {
    authTagLength: tagBytes,
  })
  decipher.setAAD(context)
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
  try {
    const plaintext = decipher.update(sealed.subarray(1 + nonceBytes, sealed.length - tagBytes))
    decipher.final()
    return new Uint8Array(plaintext)
  } catch {
    return undefined
  }
}

function contextKey(key: Uint8Array, context: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(context).digest()
}
