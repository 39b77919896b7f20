import type { Problem, Result } from '@sealward/attestation/bytes'
import type { Random } from '../effects/index.ts'
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

/** `sealed-malformed`: not of our form. `sealed-mismatch`: moved, swapped, rolled back, altered, or of another key. */
export type SealingCode = 'sealed-malformed' | 'sealed-mismatch' | 'data-key-mismatch'

/** A patient's data key and whose it is. Destroying the wrapped key destroys all that it sealed. */
export interface PatientKey {
  /** The platform's own id of the patient. */
  readonly patient: string
  readonly wrapped: WrappedDataKey
}

export interface Sealer {
  /** Names the master key without telling anything about it; 32 hex digits. To be stored beside the data. */
  readonly keyId: string
  /** Draws a data key for one patient, and wraps it. */
  newDataKey(patient: string): WrappedDataKey
  /** AES-256-GCM, bound to `address`, under the patient's data key, or under the master key without one. */
  seal(address: SealedAddress, plaintext: Uint8Array, key?: PatientKey): Uint8Array
  open(
    address: SealedAddress,
    sealed: Uint8Array,
    key?: PatientKey,
  ): Result<Uint8Array, Problem<SealingCode>>
  /** HMAC-SHA-256 of a value under a key for `name`, base64url: equal values are found, and nothing else is told. */
  blindIndex(name: string, value: string): string
}

/** Seals with keys made from `masterKey`. */
export function createSealer(
  _masterKey: MasterKey,
  _options?: { readonly random?: Random },
): Sealer {
  throw new Error('under construction')
}
