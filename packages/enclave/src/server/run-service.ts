import type * as z from 'zod'
import type { Tee } from '../evidence/index.ts'
import type { Logger } from '../telemetry/index.ts'

export interface PlainServiceOptions<Config> {
  readonly name: string
  /** Of the JSON file that SEALWARD_CONFIG names. */
  readonly config: z.ZodType<Config>
}

export interface ServiceOptions<Config> extends PlainServiceOptions<Config> {}

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
 * drains on SIGTERM, on SIGINT or when the host has gone, and ends.
 */
export async function runService<Config>(
  _options: ServiceOptions<Config>,
  _start: (service: ServiceStart<Config>) => Promise<Running>,
): Promise<void> {
  throw new Error('under construction')
}

/** The same without a TEE; reports ready over IPC where there is a parent that listens. */
export async function runPlainService<Config>(
  _options: PlainServiceOptions<Config>,
  _start: (service: Omit<ServiceStart<Config>, 'tee'>) => Promise<Running>,
): Promise<void> {
  throw new Error('under construction')
}
