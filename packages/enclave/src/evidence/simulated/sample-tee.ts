import { createHash } from 'node:crypto'
import { concat } from '@sealward/attestation/bytes'
import { type SampleVendor, sampleCpuSvn } from '@sealward/attestation/sample'
import { teeOf } from '../open-tee.ts'
import type { Tee } from '../tee.ts'
import { sealingKeyAt } from './sealing-key.ts'

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
  /** See {@link LaunchOptions}. */
  readonly cpuSvn?: Uint8Array
  readonly olderSealingKeys?: boolean
}

/**
 * A TEE inside the caller's own process, for tests: real quotes of a sample vendor, nothing measured.
 *
 * @throws when the init-time data is one that a workload would not start with.
 */
export async function createSampleTee(options: SampleTeeOptions): Promise<Tee> {
  const { vendor, mrEnclave, mrSigner, isvProdId, isvSvn, hostSecret, debug = false } = options
  const { cpuSvn = sampleCpuSvn, olderSealingKeys = false } = options
  const configId = concat(
    createHash('sha256').update(options.initTimeData).digest(),
    new Uint8Array(32),
  )
  const enclave = { mrEnclave, mrSigner, isvProdId, isvSvn, debug }
  const host = { hostSecret, ...enclave, cpuSvn, olderSealingKeys }
  const closed = Promise.withResolvers<void>()
  const tee = await teeOf(
    {
      quote: (reportData) =>
        vendor.quote({
          mrEnclave,
          mrSigner,
          isvProdId,
          isvSvn,
          configId,
          debug,
          reportData,
          cpuSvn,
        }),
      sealingKey: async (policy, asked) => sealingKeyAt(host, policy, asked),
      ready: () => {},
      closed: closed.promise,
      close: () => closed.resolve(),
    },
    options.initTimeData,
  )
  if (!tee.ok) throw new Error(`${tee.problem.code}: ${tee.problem.detail}`)
  return tee.value
}
