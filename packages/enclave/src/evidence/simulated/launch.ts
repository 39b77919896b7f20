import type { SampleVendor } from '@sealward/attestation/sample'
import type { Measurement } from './measure-tree.ts'

export interface LaunchOptions {
  /** For logs and problems: `platform`. */
  readonly name: string
  /** Folder with the built files; all of it is measured. */
  readonly folder: string
  /** The file in it that is run; `main.js` unless said. */
  readonly entry?: string
  readonly isvProdId: number
  readonly isvSvn: number
  /** DER (SPKI) of the public key of whoever publishes the workload. Its SHA-256 is MRSIGNER. */
  readonly signerPublicKey: Uint8Array
  /** Signs the quotes. */
  readonly vendor: SampleVendor
  readonly initTimeData: Uint8Array
  readonly debug?: boolean
  /** Folder for the host secret and for the file with the init-time data; made (mode 0700) where missing. */
  readonly stateFolder: string
  /** The whole environment of the workload. Names that change what Node or the linker load are refused. */
  readonly env?: Readonly<Record<string, string>>
  /** Files and folders beyond the measured folder that the workload may read, and those that it may write. */
  readonly reads?: readonly string[]
  readonly writes?: readonly string[]
  /** One line of the workload's standard output or standard error. */
  readonly onLog?: (line: string) => void
  /** The program that runs the workload; this process's own unless said. It is measured too. */
  readonly nodePath?: string
  /** Seconds to become ready; 30 unless said. */
  readonly readySecondsMax?: number
}

/** How a workload ended. */
export interface EnclaveExit {
  readonly code: number | null
  readonly signal: string | null
}

export interface SimulatedEnclave {
  readonly name: string
  readonly pid: number
  readonly measurement: Measurement
  /** Hex. */
  readonly mrEnclave: string
  /** Hex. */
  readonly mrSigner: string
  /** Hex, 128 digits. */
  readonly configId: string
  /** What the workload said it listens on. */
  readonly ports: Readonly<Record<string, number>>
  readonly exited: Promise<EnclaveExit>
  /** Asks it to drain, waits, then kills. Resolves when it has ended. */
  stop(patienceSeconds?: number): Promise<EnclaveExit>
}

/**
 * Measures the built files, starts them and answers their requests for quotes and keys, until they end.
 * Resolves when the workload is ready.
 *
 * @throws LaunchFailure when it ends first, or is not ready in time; its `code` says which.
 * @see docs/spec/simulated-tee.md
 */
export async function launch(_options: LaunchOptions): Promise<SimulatedEnclave> {
  throw new Error('under construction')
}
