/**
 * The host side of a simulated TEE: measures a workload, starts it, and answers for the CPU.
 *
 * @see docs/spec/simulated-tee.md
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, realpath, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Duplex, Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import {
  base64UrlOf,
  bytesOfBase64Url,
  bytesOfHex,
  concat,
  hexOf,
} from '@sealward/attestation/bytes'
import { type SampleVendor, sampleCpuSvn } from '@sealward/attestation/sample'
import { evidenceLimits } from '../limits.ts'
import { hostSecretOf } from './host-secret.ts'
import { type Measurement, measureTree } from './measure-tree.ts'
import { type PipeRequest, readMessages, requestSchema, writeMessage } from './pipe.ts'
import { sealingKeyAt } from './sealing-key.ts'

export interface LaunchOptions {
  /** For logs and problems: `platform`. */
  readonly name: string
  /** Folder with the built files; all of it is measured. `main.js` in it is run. */
  readonly folder: string
  readonly isvProdId: number
  readonly isvSvn: number
  /** DER (SPKI) of the public key of whoever publishes the workload. Its SHA-256 is MRSIGNER. */
  readonly signerPublicKey: Uint8Array
  /** Signs the quotes. */
  readonly vendor: SampleVendor
  readonly initTimeData: Uint8Array
  readonly debug?: boolean
  /** 16 bytes: the security version of the host's processor; the sample platform's unless said. */
  readonly cpuSvn?: Uint8Array
  /** Whether sealing keys of older security versions are given, as a processor does and Gramine does not. */
  readonly olderSealingKeys?: boolean
  /** Folder for the host secret and for the file with the init-time data; made (mode 0700) where missing. */
  readonly stateFolder: string
  /** The whole environment of the workload. Names that change what Node or the linker load are refused. */
  readonly env?: Readonly<Record<string, string>>
  /**
   * Files and folders that the workload may read beyond its measured folder and the file that
   * SEALWARD_CONFIG names, and those that it may write. Everything else on the disk is closed to it.
   */
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
  /** Asks it to drain, waits (15 seconds unless said), then kills. Resolves when it has ended. */
  stop(patienceSeconds?: number): Promise<EnclaveExit>
}

export type LaunchCode = 'environment-refused' | 'not-started' | 'ended-early' | 'not-ready'

/** A workload that did not come up. `code` says how far it got. */
export class LaunchFailure extends Error {
  override readonly name = 'LaunchFailure'
  readonly code: LaunchCode
  constructor(code: LaunchCode, detail: string) {
    super(detail)
    this.code = code
  }
}

/**
 * Measures the built files, starts them and answers their requests for quotes and keys, until they end.
 * Resolves when the workload is ready.
 *
 * @throws LaunchFailure when it ends first, or is not ready in time; MeasurementFailure when its folder
 *   cannot be measured.
 * @see docs/spec/simulated-tee.md
 */
export async function launch(options: LaunchOptions): Promise<SimulatedEnclave> {
  const { name, vendor, signerPublicKey, isvProdId, isvSvn, debug = false } = options
  const { cpuSvn = sampleCpuSvn, olderSealingKeys = false } = options
  const hostSecret = await hostSecretOf(options.stateFolder)
  const folder = await realpath(options.folder)
  const program = await realpath(options.nodePath ?? process.execPath)
  const environment = environmentOf(options, await writeInitTimeData(options))

  // Measured last before it is started, so that what runs is what was on the disk when it was measured.
  const measurement = await measureTree(folder, { runtimePath: program })
  const mrEnclave = bytesOfHex(measurement.mrEnclave) ?? new Uint8Array()
  const mrSigner = sha256(signerPublicKey)
  const configId = concat(sha256(options.initTimeData), new Uint8Array(32))
  const child = spawn(
    program,
    [...confinement(options, folder, environment), join(folder, 'main.js')],
    { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] },
  )
  const exited = exitOf(child)
  const pipe = child.stdio[3] as Duplex
  forwardLines(child.stdout, options.onLog)
  let reason = ''
  forwardLines(child.stderr, (line) => {
    // What a service says last for its operator: `runService`.
    if (line.startsWith(`${name}: `)) reason = line.slice(name.length)
    options.onLog?.(line)
  })
  pipe.on('error', () => pipe.destroy())

  const answer = async (request: Exclude<PipeRequest, { kind: 'ready' }>): Promise<Uint8Array> => {
    if (request.kind === 'sealing-key') {
      const enclave = { mrEnclave, mrSigner, isvProdId, isvSvn, debug }
      const host = { hostSecret, ...enclave, cpuSvn, olderSealingKeys }
      return sealingKeyAt(host, request.policy, request.version)
    }
    const reportData = bytesOfBase64Url(request.reportData)
    if (reportData?.length !== 64) throw new RangeError('report data is 64 bytes')
    return await vendor.quote({
      mrEnclave,
      mrSigner,
      isvProdId,
      isvSvn,
      configId,
      debug,
      reportData,
      cpuSvn,
    })
  }
  const ready = new Promise<Readonly<Record<string, number>>>((resolve) => {
    readMessages(pipe, requestSchema, (message) => {
      if (message.kind === 'ready') {
        resolve(message.ports)
        return
      }
      answer(message).then(
        (bytes) => writeMessage(pipe, { id: message.id, bytes: base64UrlOf(bytes) }),
        () => writeMessage(pipe, { id: message.id, code: 'host-failed' }),
      )
    })
  })

  const stop = async (patienceSeconds = 15): Promise<EnclaveExit> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceSeconds * 1000)
    const exit = await exited
    clearTimeout(timer)
    return exit
  }
  // Standard error is read to its end; one that broke off has said what it had to say.
  const heard = child.stderr && finished(child.stderr).catch(() => {})
  const ended = Promise.all([exited, heard]).then(([{ code, signal }]) =>
    code === null && signal === null
      ? new LaunchFailure('not-started', `${name} could not be started`)
      : new LaunchFailure(
          'ended-early',
          `${name} ended before it was ready (${code === null ? signal : `code ${code}`})${reason}`,
        ),
  )
  const ports = await readyInTime(name, ready, ended, options.readySecondsMax ?? 30)
  if (ports instanceof LaunchFailure) {
    await stop(0)
    throw ports
  }
  return {
    name,
    pid: child.pid ?? 0,
    measurement,
    mrEnclave: measurement.mrEnclave,
    mrSigner: hexOf(mrSigner),
    configId: hexOf(configId),
    ports,
    exited,
    stop,
  }
}

async function readyInTime(
  name: string,
  ready: Promise<Readonly<Record<string, number>>>,
  ended: Promise<LaunchFailure>,
  seconds: number,
): Promise<Readonly<Record<string, number>> | LaunchFailure> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<LaunchFailure>((resolve) => {
    timer = setTimeout(
      () =>
        resolve(new LaunchFailure('not-ready', `${name} was not ready within ${seconds} seconds`)),
      seconds * 1000,
    )
  })
  const first = await Promise.race([ready, ended, late])
  clearTimeout(timer)
  return first
}

/** Node's permission model: what was not measured cannot be loaded, and nothing can be written. */
function confinement(
  options: LaunchOptions,
  folder: string,
  environment: Readonly<Record<string, string>>,
): readonly string[] {
  const reads = [
    folder,
    ...['SEALWARD_INIT_TIME_DATA', 'SEALWARD_CONFIG'].flatMap((name) => environment[name] ?? []),
    ...(options.reads ?? []),
  ]
  return [
    '--permission',
    ...reads.map((path) => `--allow-fs-read=${path}`),
    ...(options.writes ?? []).map((path) => `--allow-fs-write=${path}`),
    '--allow-net',
    '--allow-worker',
    '--allow-addons',
    // A signal must not open a debugger.
    '--disable-sigusr1',
    '--disable-warning=SecurityWarning',
    '--disable-warning=ExperimentalWarning',
    ...memoryFlags,
  ]
}

/**
 * What a service is started with wherever it runs. V8 lets a heap grow by parts of itself before it looks for garbage, and
 * counts the bytes of buffers with it: a service, whose heap is small and whose buffers are films, would look for it at every
 * third film.
 */
export const memoryFlags: readonly string[] = ['--initial-old-space-size=128']

/** What makes Node or the dynamic linker load code, or trust certificates, that nobody measured. */
const refusedNames = /^(NODE_(?!ENV$)|LD_|DYLD_|GLIBC_|OPENSSL_|SSL_CERT)/i

function environmentOf(options: LaunchOptions, initTimeDataFile: string): Record<string, string> {
  const refused = Object.keys(options.env ?? {}).find((name) => refusedNames.test(name))
  if (refused !== undefined) {
    throw new LaunchFailure(
      'environment-refused',
      `${refused} would change what ${options.name} loads, unmeasured`,
    )
  }
  return {
    ...options.env,
    SEALWARD_TEE: 'simulated',
    SEALWARD_INIT_TIME_DATA: initTimeDataFile,
  }
}

/** Named by its content: launches that share it share the file. */
async function writeInitTimeData(options: LaunchOptions): Promise<string> {
  const folder = join(await realpath(options.stateFolder), 'init-time-data')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `${hexOf(sha256(options.initTimeData))}.json`)
  const draft = `${file}.${randomUUID()}`
  await writeFile(draft, options.initTimeData, { mode: 0o600 })
  await rename(draft, file)
  return file
}

function exitOf(child: ChildProcess): Promise<EnclaveExit> {
  return new Promise((resolve) => {
    child.once('error', () => {
      if (child.pid === undefined) resolve({ code: null, signal: null })
    })
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
}

function forwardLines(stream: Readable | null, onLog: ((line: string) => void) | undefined): void {
  if (stream === null) return
  if (onLog === undefined) {
    stream.resume()
    return
  }
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) =>
    onLog(line.slice(0, evidenceLimits.logLineCharactersMax)),
  )
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}
