import type { SampleVendor } from '@sealward/attestation/sample'
import type { Tee } from '../tee.ts'

export interface SampleTeeOptions {
  readonly vendor: SampleVendor
  readonly initTimeData: Uint8Array
  /** 32 bytes each. */
  readonly mrEnclave: Uint8Array
  readonly mrSigner: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
  readonly debug?: boolean
  /** 32 bytes from which sealing keys come. */
  readonly hostSecret: Uint8Array
}

/** A TEE inside the caller's own process, for tests: real quotes of a sample vendor, nothing measured. */
export async function createSampleTee(_options: SampleTeeOptions): Promise<Tee> {
  throw new Error('under construction')
}
