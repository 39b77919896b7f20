import type { SampleEndorsementOptions, SampleVendor } from '@sealward/attestation/sample'
import type { Clock } from '../../effects/index.ts'

export interface SamplePcsOptions {
  readonly vendor: SampleVendor
  readonly clock: Clock
  /** 0 for any free one, unless said. */
  readonly port?: number
  /** How long what it issues lasts; 7 days unless said. */
  readonly lifetimeSeconds?: number
  /** Changes what is issued: a TCB status, revoked certificates. */
  readonly issue?: Omit<SampleEndorsementOptions, 'at' | 'lifetimeSeconds'>
}

/** Where it answers; the base to hand to `createPcsClient`. */
export interface SamplePcsUrls {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly port: number
}

export interface SamplePcs extends SamplePcsUrls {
  close(): Promise<void>
}

/**
 * Serves a sample vendor's endorsements at the addresses, with the headers and with the refusals of
 * Intel's provisioning certification service, version 4.
 *
 * @see docs/spec/simulated-tee.md
 */
export async function startSamplePcs(_options: SamplePcsOptions): Promise<SamplePcs> {
  throw new Error('under construction')
}
