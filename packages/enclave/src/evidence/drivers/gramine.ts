/**
 * SGX evidence below Gramine: the pseudo-files of `/dev/attestation`.
 *
 * @see Gramine documentation, "Attestation and Secret Provisioning", low-level interface
 * @module
 */

import { join } from 'node:path'
import {
  type Bytes,
  bytesOf,
  equalBytes,
  ok,
  type Problem,
  type Result,
  refuse,
} from '@sealward/attestation/bytes'
import type { SealingPolicy } from '../tee.ts'
import { deviceFiles, type FileSystem, systemFiles } from './device-files.ts'
import type { Driven, DriverCode, EvidenceSource, SgxEvidence } from './evidence-source.ts'
import { driverLimits } from './limits.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { reportDataOf } from './report-data.ts'

export interface GramineSourceOptions {
  /** `/dev/attestation` unless said. */
  readonly folder?: string
  readonly files?: FileSystem
}

export interface GramineSource extends EvidenceSource<SgxEvidence> {
  readonly driver: 'gramine'
  /** The 16 bytes that the processor derives for the enclave's signer, or for the enclave. */
  sealingKey(policy: SealingPolicy): Promise<Result<Bytes<16>, Problem<DriverCode>>>
}

/** Evidence of the SGX enclave that Gramine runs this process in. Its manifest must say `dcap`. */
export function createGramineSource(options: GramineSourceOptions = {}): GramineSource {
  const folder = options.folder ?? '/dev/attestation'
  const device = deviceFiles(options.files ?? systemFiles)
  const inTurn = oneAtATime()

  const quoteOver = async (reportData: Bytes<64>): Promise<Driven<SgxEvidence>> => {
    const type = await device.readLine(join(folder, 'attestation_type'))
    if (!type.ok) return type
    if (type.value !== 'dcap') {
      return refuse(
        'attestation-type-unsupported',
        'attestation_type',
        'the manifest must say dcap',
      )
    }
    const written = await device.write(join(folder, 'user_report_data'), reportData)
    if (!written.ok) return written
    const quote = await device.read(join(folder, 'quote'), {
      bytesMin: driverLimits.quoteBytesMin,
      bytesMax: driverLimits.quoteBytesMax,
    })
    if (!quote.ok) return quotingProblem(quote.problem)
    const over = reportDataOf('sgx', quote.value)
    if (over === undefined) return refuse('evidence-malformed', 'quote', 'not a quote of version 3')
    return equalBytes(over, reportData)
      ? ok({ kind: 'sgx', quote: quote.value })
      : refuse('evidence-stale', 'quote', 'the quote is over other report data')
  }

  return {
    driver: 'gramine',
    evidence: (reportData) => inTurn(() => quoteOver(reportData)),
    async sealingKey(policy) {
      const name = policy === 'mrenclave' ? '_sgx_mrenclave' : '_sgx_mrsigner'
      const key = await device.read(join(folder, 'keys', name), { bytesMin: 16, bytesMax: 16 })
      if (!key.ok) return key
      return ok(bytesOf(16, key.value) ?? impossible())
    },
  }
}

/** Whatever goes wrong in quoting, Gramine answers EACCES: it says nothing about permissions. */
function quotingProblem(problem: Problem<DriverCode>): Driven<never> {
  return problem.code === 'device-not-permitted'
    ? refuse('device-failed', problem.at, 'the quoting enclave did not answer')
    : { ok: false, problem }
}

function impossible(): never {
  throw new Error('16 bytes are 16 bytes')
}
