import type { InitTimeData } from '@sealward/attestation/evidence'

/** Which measurement a sealing key depends on: the vendor's key, or the exact code. */
export type SealingPolicy = 'mrsigner' | 'mrenclave'

/** Why a workload does not start. */
export type TeeCode =
  | 'tee-missing'
  | 'init-time-data-missing'
  | 'init-time-data-malformed'
  | 'config-id-mismatch'
  | 'not-development'
  | 'quote-malformed'

/** Of what a sealing key is: an update of either gives another one. */
export interface SecurityVersion {
  /** Of the processor, 32 hex digits. An update of microcode or firmware raises it. */
  readonly cpuSvn: string
  /** Of the code, 16 bits. Its publisher raises it with the version that mends a flaw. */
  readonly isvSvn: number
}

/**
 * What the workload is, as others see it in its quotes. Hex. A broker takes others for its like by it: on hardware it is to be
 * read from a report that the processor makes, for a quote comes back by way of the host.
 */
export interface TeeSelf extends SecurityVersion {
  readonly mrEnclave: string
  readonly mrSigner: string
  readonly isvProdId: number
  /** 128 digits. */
  readonly configId: string
  readonly debug: boolean
}

/** What a workload asks of the TEE that it lives in. A TEE that fails to answer is a broken machine: it throws. */
export interface Tee {
  readonly driver: 'simulated'
  /** The measured trust configuration; its SHA-256 was compared with CONFIGID. */
  readonly initTimeData: InitTimeData
  /** The bytes that were hashed. */
  readonly initTimeDataBytes: Uint8Array
  readonly self: TeeSelf
  /** An SGX quote over `reportData`, 64 bytes. */
  quote(reportData: Uint8Array): Promise<Uint8Array>
  /** 32 bytes, the same for the same enclave on the same host, until one of its security versions is raised. */
  sealingKey(policy: SealingPolicy): Promise<Uint8Array>
  /**
   * The key of when processor and code had these security versions.
   *
   * @returns `undefined` where the host gives none: for what is newer in either, and under a runtime that gives the
   *   current key only, as Gramine does.
   */
  olderSealingKey(policy: SealingPolicy, version: SecurityVersion): Promise<Uint8Array | undefined>
  /** Tells the host that the workload serves, and on which ports. */
  ready(state: { readonly ports: Readonly<Record<string, number>> }): void
  /** Resolves when the host has gone. The process then ends by itself, after time to drain. */
  readonly closed: Promise<void>
  close(): void
}
