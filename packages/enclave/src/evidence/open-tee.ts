import type { Problem, Result } from '@sealward/attestation/bytes'
import type { Tee, TeeCode } from './tee.ts'

export interface OpenTeeOptions {
  /** Bytes of the init-time data; otherwise read from the file that SEALWARD_INIT_TIME_DATA names. */
  readonly initTimeData?: Uint8Array
}

/**
 * Opens the TEE that this process lives in.
 *
 * Refuses when there is none, when the init-time data is absent or malformed, when its SHA-256 is not
 * the CONFIGID of the workload's own quote, and when a simulated TEE meets init-time data of production.
 *
 * @returns the TEE, or one of {@link TeeCode}.
 */
export async function openTee(
  _options: OpenTeeOptions = {},
): Promise<Result<Tee, Problem<TeeCode>>> {
  throw new Error('under construction')
}
