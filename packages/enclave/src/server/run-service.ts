/**
 * The life of a service as a process.
 *
 * @module
 */

import type { Problem } from '@sealward/attestation/bytes'
import type * as z from 'zod'
import { readConfig } from '../config/index.ts'
import { openTee, type Tee } from '../evidence/index.ts'
import { createLogger, type Logger } from '../telemetry/index.ts'
import { StartRefusal } from './start-refusal.ts'

export interface ServiceOptions<Config> {
  readonly name: string
  /** Of the JSON file that SEALWARD_CONFIG names. */
  readonly config: z.ZodType<Config>
  /** How long `close` may take before the process ends anyway; 15 unless said. */
  readonly closeSecondsMax?: number
}

/** What a service that has started says. */
export interface Running {
  /** By name: `{ http: 4711 }`. */
  readonly ports: Readonly<Record<string, number>>
  /** Drains and ends. */
  close(): Promise<void>
}

export interface ServiceStart<Config> {
  readonly tee: Tee
  readonly config: Config
  readonly log: Logger
}

/**
 * The whole life of a process in a TEE: reads its configuration, opens the TEE, starts, reports ready,
 * drains on SIGTERM, on SIGINT or when the host has gone, and ends the process.
 *
 * The process ends with 0 after it has drained, with 1 when it could not start, when something was
 * thrown that nobody caught, or when it did not drain in time. One sentence on standard error says why.
 */
export async function runService<Config>(
  options: ServiceOptions<Config>,
  start: (service: ServiceStart<Config>) => Promise<Running>,
): Promise<void> {
  const log = begin(options.name)
  const config = await readConfig(options.config)
  if (!config.ok) return giveUp(options.name, log, config.problem)
  const tee = await openTee()
  if (!tee.ok) return giveUp(options.name, log, tee.problem)
  await live(options, log, {
    start: () => start({ tee: tee.value, config: config.value, log }),
    report: (ports) => tee.value.ready({ ports }),
    orphaned: tee.value.closed,
  })
}

/** The same without a TEE; reports ready over IPC where there is a parent that listens. */
export async function runPlainService<Config>(
  options: ServiceOptions<Config>,
  start: (service: Omit<ServiceStart<Config>, 'tee'>) => Promise<Running>,
): Promise<void> {
  const log = begin(options.name)
  const config = await readConfig(options.config)
  if (!config.ok) return giveUp(options.name, log, config.problem)
  const orphaned = new Promise<void>((resolve) => {
    if (process.connected) process.once('disconnect', resolve)
  })
  await live(options, log, {
    start: () => start({ config: config.value, log }),
    report: (ports) => process.send?.({ kind: 'ready', ports }),
    orphaned,
  })
}

/** From here on, what nobody catches is told by class and place: Node itself would print its message. */
function begin(name: string): Logger {
  const log = createLogger(name)
  const fatal = (error: unknown): void => {
    log.thrown('uncaught', error)
    process.exit(1)
  }
  process.on('uncaughtException', fatal)
  process.on('unhandledRejection', fatal)
  return log
}

function giveUp(name: string, log: Logger, problem: Problem): never {
  log.error('not-started', { code: problem.code, at: problem.at })
  process.stderr.write(`${name}: ${problem.detail}\n`)
  process.exit(1)
}

async function live(
  options: ServiceOptions<unknown>,
  log: Logger,
  life: {
    readonly start: () => Promise<Running>
    readonly report: (ports: Running['ports']) => void
    readonly orphaned: Promise<void>
  },
): Promise<void> {
  const ended = Promise.race([
    signalled('SIGTERM'),
    signalled('SIGINT'),
    life.orphaned.then(() => 'host-gone' as const),
  ])
  let running: Running
  try {
    running = await life.start()
  } catch (error) {
    if (error instanceof StartRefusal) return giveUp(options.name, log, error.problem)
    log.thrown('not-started', error)
    process.exit(1)
  }
  life.report(running.ports)
  log.info('ready', { pid: process.pid })
  const reason = await ended
  log.info('stopping', { code: reason.toLowerCase() })
  const late = setTimeout(
    () => {
      log.error('not-drained')
      process.exit(1)
    },
    (options.closeSecondsMax ?? 15) * 1000,
  )
  try {
    await running.close()
  } catch (error) {
    log.thrown('not-drained', error)
    process.exit(1)
  }
  clearTimeout(late)
  log.info('stopped')
  process.exit(0)
}

function signalled(signal: 'SIGTERM' | 'SIGINT'): Promise<typeof signal> {
  return new Promise((resolve) => {
    // It stays: a second signal while it drains changes nothing, and does not kill either.
    process.on(signal, () => resolve(signal))
  })
}
