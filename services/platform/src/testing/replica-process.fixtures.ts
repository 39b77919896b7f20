/** One replica as a process of its own: the workload that its parent names, in a TEE of a sample vendor's. */

import { bytesOfBase64Url } from '@sealward/attestation/bytes'
import { importSampleVendor, type SampleVendorState } from '@sealward/attestation/sample'
import { createSampleTee } from '@sealward/enclave/evidence'
import { type Running, StartRefusal } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { diagnosticsConfig } from '../../../diagnostics/src/config.ts'
import { startDiagnostics } from '../../../diagnostics/src/start.ts'
import { platformConfig } from '../config.ts'
import { startPlatform } from '../start.ts'

/** What a replica is told by its parent, once, by IPC. */
export interface ReplicaOrder {
  readonly role: 'platform' | 'diagnostics'
  readonly vendor: SampleVendorState
  /** Base64url. */
  readonly initTimeData: string
  /** Base64url, 32 bytes each. */
  readonly mrEnclave: string
  readonly mrSigner: string
  readonly hostSecret: string
  readonly config: object
}

/** What it answers. */
export type ReplicaAnswer =
  | { readonly kind: 'ready'; readonly ports: Running['ports'] }
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string }

const bytes = (text: string): Uint8Array => bytesOfBase64Url(text) ?? new Uint8Array()

process.once('message', async (order: ReplicaOrder) => {
  const tell = (answer: ReplicaAnswer): void => void process.send?.(answer)
  const tee = await createSampleTee({
    vendor: await importSampleVendor(order.vendor),
    initTimeData: bytes(order.initTimeData),
    mrEnclave: bytes(order.mrEnclave),
    mrSigner: bytes(order.mrSigner),
    isvProdId: 1,
    isvSvn: 1,
    hostSecret: bytes(order.hostSecret),
  })
  const log = createLogger(order.role)
  try {
    const running =
      order.role === 'platform'
        ? await startPlatform({ tee, log, config: platformConfig.parse(order.config) })
        : await startDiagnostics({ tee, log, config: diagnosticsConfig.parse(order.config) })
    process.once('SIGTERM', () => void running.close().then(() => process.exit(0)))
    tell({ kind: 'ready', ports: running.ports })
  } catch (error) {
    if (!(error instanceof StartRefusal)) throw error
    const { code, detail } = error.problem
    tell({ kind: 'refused', code, detail })
    process.exit(1)
  }
})
