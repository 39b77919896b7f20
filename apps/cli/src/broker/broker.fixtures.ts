/** A whole key broker that listens, and the command line before it. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Running, systemClock, systemRandom } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { brokerConfig } from '@sealward/key-broker/config'
import { startKeyBroker } from '@sealward/key-broker/start'
import {
  startIdentityProvider,
  type TestIdentityProvider,
} from '../../../../packages/enclave/src/testing/identity-provider.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import type { Input } from '../input.ts'
import { run } from '../program.ts'
import type { Surroundings } from '../surroundings.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A broker, its database, its people and its files. */
export interface TestBroker {
  readonly folder: string
  readonly postgres: TestPostgres
  readonly people: TestIdentityProvider
  readonly url: string
  /** What it runs by, in a file. */
  readonly configFile: string
  /** What it logged. */
  readonly logged: readonly string[]
  /** Writes a file into the folder, and gives its path. */
  written(name: string, content: string): string
  stop(): Promise<void>
  start(): Promise<void>
  /** Ends everything. */
  close(): Promise<void>
}

/** @param more - of the configuration. */
export async function startTestBroker(more: object = {}): Promise<TestBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'sealward-broker-cli-'))
  const postgres = await startTestPostgres()
  const people = await startIdentityProvider(systemClock)
  const written = (name: string, content: string): string => {
    const file = join(folder, name)
    writeFileSync(file, content, { mode: 0o600 })
    return file
  }
  const config = {
    publicUrl: 'http://localhost:4490',
    stateFolder: join(folder, 'state'),
    databaseUrl: postgres.url,
    development: true,
    identityProvider: people.settings,
    limits: { requestsPerSecond: 1000, burst: 1000 },
    ...more,
  }
  const logged: string[] = []
  let running: Running | undefined
  let url = ''
  const start = async (): Promise<void> => {
    running = await startKeyBroker({
      config: brokerConfig.parse(config),
      databaseUrl: postgres.url,
      log: createLogger('key-broker', { write: (line) => logged.push(line) }),
    })
    url = `http://127.0.0.1:${running.ports['http']}`
  }
  await start()
  return {
    folder,
    postgres,
    people,
    get url() {
      return url
    },
    configFile: written('broker.json', JSON.stringify(config)),
    logged,
    written,
    start,
    stop: async () => running?.close(),
    async close() {
      await running?.close()
      await people.close()
      await postgres.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Runs a command line in this process. */
export async function sealward(
  commandLine: readonly string[],
  {
    token,
    input,
    env = {},
  }: {
    readonly token?: string
    readonly input?: Input
    readonly env?: Readonly<Record<string, string>>
  } = {},
): Promise<Ran> {
  let out = ''
  let err = ''
  const surroundings: Surroundings = {
    effects: {
      fetch: globalThis.fetch,
      clock: systemClock,
      random: systemRandom,
      sleep: () => Promise.resolve(),
    },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: { ...env, ...(token === undefined ? {} : { SEALWARD_TOKEN: token }) },
    ...(input === undefined ? {} : { input }),
    version: '0.0.0',
    interrupted: new AbortController().signal,
  }
  return { code: await run(commandLine, surroundings), out, err }
}

/** Somebody who types these lines at a terminal, one for each question. */
export function typing(...lines: readonly string[]): Input & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    isTerminal: true,
    ask: (question) => {
      asked.push(question)
      const line = lines[asked.length - 1]
      if (line === undefined) throw new Error(`nobody answers: ${question}`)
      return Promise.resolve(line)
    },
    text: () => Promise.resolve(undefined),
  }
}

/** A pipe that these lines come through. */
export function piped(...lines: readonly string[]): Input {
  return {
    isTerminal: false,
    ask: () => Promise.reject(new Error('nobody is there')),
    text: () => Promise.resolve(lines.map((line) => `${line}\n`).join('')),
  }
}
