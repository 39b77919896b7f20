import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type SigningKeys, signerOf } from '@sealward/attestation/token'
import { memoryFlags } from '@sealward/enclave/evidence'
import { end, LocalProblem } from '@sealward/enclave/local-servers'
import type { Home } from './home.ts'
import { openLog } from './log-file.ts'

/** The Verifier, in a process of its own and outside any TEE. */
export interface AttestationService {
  readonly url: string
  readonly port: number
  /** SHA-256 of the SPKI of each key it signs with, base64url. */
  readonly signers: readonly string[]
  stop(): Promise<void>
}

const readyMsMax = 20_000

/**
 * Starts the built attestation service with one development instance that knows the sample root.
 *
 * Its signing key does not rotate by age: the parties pin it in their measured init-time data, and learn
 * another only when they are configured anew.
 */
export async function startAttestationService(options: {
  readonly home: Home
  readonly folder: string
  readonly issuer: string
  readonly databaseUrl: string
  readonly pcsUrl: string
  readonly roots: readonly string[]
}): Promise<AttestationService> {
  const { home } = options
  const configFile = home.path('attestation-service.json')
  const config = {
    databaseUrl: options.databaseUrl,
    stateFolder: home.path('attestation-service'),
    pcsUrl: options.pcsUrl,
    // The sample vendor makes nothing of AMD's, and nobody outside this machine is to be asked.
    kdsUrl: options.pcsUrl,
    instances: [
      {
        name: 'default',
        issuer: options.issuer,
        development: true,
        roots: options.roots,
        keys: { signsForSeconds: 'never' },
        // Everybody comes through the edge, and is one client here.
        limits: { requestsPerSecond: 200, burst: 1000 },
      },
    ],
  }
  writeFileSync(configFile, JSON.stringify(config), { mode: 0o600 })
  const child = spawn(process.execPath, [...memoryFlags, join(options.folder, 'main.js')], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { SEALWARD_CONFIG: configFile, NODE_ENV: 'production' },
  })
  const log = openLog(home.path('attestation-service.log'))
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', log)
  }
  const port = await readyPort(child, home.path('attestation-service.log'))
  const url = `http://127.0.0.1:${port}`
  return { url, port, signers: await signersOf(url), stop: () => end(child, 'SIGTERM', 10_000) }
}

async function readyPort(child: ChildProcess, logFile: string): Promise<number> {
  const ready = new Promise<number>((resolve) => {
    child.on(
      'message',
      (message: { readonly kind?: string; readonly ports?: Record<string, number> }) => {
        if (message.kind === 'ready') resolve(Object.values(message.ports ?? {})[0] ?? 0)
      },
    )
  })
  const ended = new Promise<undefined>((resolve) => child.once('exit', () => resolve(undefined)))
  const port = await Promise.race([ready, ended, sleep(readyMsMax, undefined, { ref: false })])
  if (port !== undefined) return port
  await end(child, 'SIGKILL', 0)
  throw new LocalProblem(
    'attestation-service',
    `The attestation service did not start; see ${logFile}.`,
  )
}

async function signersOf(url: string): Promise<readonly string[]> {
  const { keys } = (await (await fetch(`${url}/certs`)).json()) as SigningKeys
  const signers = await Promise.all(keys.map((jwk) => signerOf(jwk)))
  return signers.filter((signer) => signer !== undefined)
}
