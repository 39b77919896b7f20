import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import {
  concat,
  equalBytes,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
} from '@sealward/attestation/bytes'
import { parseInitTimeData, parseSgxQuote } from '@sealward/attestation/evidence'
import { evidenceLimits } from './limits.ts'
import { connectToHost, type Host } from './simulated/host.ts'
import type { Tee, TeeCode } from './tee.ts'

export interface OpenTeeOptions {
  /** Bytes of the init-time data; otherwise read from the file that SEALWARD_INIT_TIME_DATA names. */
  readonly initTimeData?: Uint8Array
}

/**
 * Opens the TEE that this process lives in; SEALWARD_TEE names the driver.
 *
 * Refuses when there is none, when the init-time data is absent or malformed, when its SHA-256 is not
 * the CONFIGID of the workload's own quote, and when a simulated TEE meets init-time data of production.
 *
 * @returns the TEE, or one of {@link TeeCode}.
 */
export async function openTee(
  options: OpenTeeOptions = {},
): Promise<Result<Tee, Problem<TeeCode>>> {
  const initTimeData = await initTimeDataOf(options)
  if (!initTimeData.ok) return initTimeData
  if (process.env['SEALWARD_TEE'] !== 'simulated') {
    return refuse('tee-missing', 'SEALWARD_TEE', 'this process was not launched in a TEE')
  }
  const host = connectToHost()
  if (host === undefined) {
    return refuse('tee-missing', 'fd 3', 'there is no pipe to the host of a simulated TEE')
  }
  const tee = await teeOf(host, initTimeData.value)
  if (!tee.ok) host.close()
  return tee
}

/**
 * A TEE that asks `host`. The workload looks at its own quote first: what it does not like about
 * itself, others would refuse later.
 */
export async function teeOf(
  host: Host,
  initTimeDataBytes: Uint8Array,
): Promise<Result<Tee, Problem<TeeCode>>> {
  const initTimeData = parseInitTimeData(initTimeDataBytes)
  if (!initTimeData.ok) {
    const { code, at, detail } = initTimeData.problem
    return refuse('init-time-data-malformed', at, `init-time data: ${detail} (${code})`)
  }
  if (!initTimeData.value.development) {
    return refuse('not-development', 'development', 'a simulated TEE serves development only')
  }
  const quote = parseSgxQuote(await host.quote(new Uint8Array(64)))
  if (!quote.ok) return refuse('quote-malformed', quote.problem.at, quote.problem.detail)
  const body = quote.value.reportBody
  const expected = concat(
    createHash('sha256').update(initTimeDataBytes).digest(),
    new Uint8Array(32),
  )
  if (!body.kss || !equalBytes(body.configId, expected)) {
    return refuse('config-id-mismatch', 'config_id', 'init-time data is not what was launched')
  }
  return ok({
    driver: 'simulated',
    initTimeData: initTimeData.value,
    initTimeDataBytes,
    self: {
      mrEnclave: hexOf(body.mrEnclave),
      mrSigner: hexOf(body.mrSigner),
      isvProdId: body.isvProdId,
      isvSvn: body.isvSvn,
      configId: hexOf(body.configId),
      debug: body.debug,
      cpuSvn: hexOf(body.cpuSvn),
    },
    quote(reportData) {
      if (reportData.length !== 64) throw new RangeError('report data is 64 bytes')
      return host.quote(reportData)
    },
    sealingKey: (policy) => host.sealingKey(policy),
    async olderSealingKey(policy, { cpuSvn, isvSvn }) {
      const key = await host.sealingKey(policy, { cpuSvn, isvSvn })
      return key.length === 0 ? undefined : key
    },
    ready: (state) => host.ready(state.ports),
    closed: host.closed,
    close: () => host.close(),
  })
}

async function initTimeDataOf(
  options: OpenTeeOptions,
): Promise<Result<Uint8Array, Problem<'init-time-data-missing' | 'init-time-data-malformed'>>> {
  const file = process.env['SEALWARD_INIT_TIME_DATA']
  let bytes = options.initTimeData
  if (bytes === undefined && file !== undefined) {
    bytes = await readFile(file).catch(() => undefined)
  }
  if (bytes === undefined) {
    return refuse(
      'init-time-data-missing',
      'SEALWARD_INIT_TIME_DATA',
      'it must name a file that can be read',
    )
  }
  if (bytes.length > evidenceLimits.initTimeDataBytesMax) {
    return refuse(
      'init-time-data-malformed',
      '@0x0',
      `more than ${evidenceLimits.initTimeDataBytesMax} bytes`,
    )
  }
  return ok(bytes)
}
