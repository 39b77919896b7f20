/**
 * What programs cannot compute: the time, and randomness. Arguments everywhere; made here once.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { UnixSeconds } from '@sealward/attestation/bytes'

export interface Clock {
  now(): UnixSeconds
}

export interface Random {
  /** Cryptographically secure bytes. */
  bytes(length: number): Uint8Array
}

export const systemClock: Clock = { now: () => Math.floor(Date.now() / 1000) }

export const systemRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) }
