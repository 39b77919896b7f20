import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../packages/enclave/src/testing/postgres.ts'
import { issuer } from './testing/attester.fixtures.ts'

let postgres: TestPostgres
let folder: string
beforeAll(async () => {
  postgres = await startTestPostgres()
}, 60_000)
afterAll(() => postgres?.stop())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-attestation-'))
  await postgres.run('drop schema if exists attestation cascade')
})
afterEach(() => rm(folder, { recursive: true }))

const main = fileURLToPath(new URL('main.ts', import.meta.url))

async function start(config: object, env: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
  const file = join(folder, 'config.json')
  await writeFile(file, JSON.stringify(config))
  return spawn(process.execPath, [main], {
    env: { SEALWARD_CONFIG: file, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
}

/** How it ended, and what it said to its operator. */
async function endOf(
  child: ChildProcess,
): Promise<{ readonly code: number | null; readonly said: string }> {
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said += String(chunk)
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, said }
}

function config(instance: object = {}, service: object = {}): object {
  return {
    databaseUrl: postgres.url,
    stateFolder: join(folder, 'state'),
    pcsUrl: 'http://127.0.0.1:1',
    instances: [
      { name: 'default', issuer, development: true, roots: ['ab'.repeat(32)], ...instance },
    ],
    ...service,
  }
}

test('what keeps it from starting is said in a sentence that names the place', async () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [config({ development: false }), /instances\[0\]\.roots: only a development instance/],
    [config({}, { databaseUrl: undefined }), /databaseUrl in the configuration, or DATABASE_URL/],
    [config({}, { stateFolder: undefined }), /at stateFolder: string expected/],
    [config({ colour: 'red' }), /at instances\[0\]: nothing is called colour/],
  ]
  for (const [wrong, sentence] of cases) {
    const { code, said } = await endOf(await start(wrong))
    expect(said).toMatch(/^attestation-service: /)
    expect(said).toMatch(sentence)
    expect(code).toBe(1)
  }
})

test('a key file that others can read, and another than the database knows, keep it from starting', async () => {
  const child = await start(config())
  await readyAt(child)
  child.kill('SIGTERM')
  await endOf(child)
  await chmod(join(folder, 'state', 'key-encryption-key'), 0o644)
  expect((await endOf(await start(config()))).said).toMatch(/chmod 600/)
  const elsewhere = await endOf(await start(config({}, { stateFolder: join(folder, 'other') })))
  expect(elsewhere.said).toMatch(/same key-encryption key/)
})

test('the process says where it listens, answers there, and ends when told to', async () => {
  const { databaseUrl: _, ...rest } = config() as { databaseUrl: string }
  const child = await start(rest, { DATABASE_URL: postgres.url })
  const url = await readyAt(child)
  const metadata = await fetch(`${url}/.well-known/openid-configuration`)
  expect(await metadata.json()).toMatchObject({ issuer })
  child.kill('SIGTERM')
  expect((await endOf(child)).code).toBe(0)
})

async function readyAt(child: ChildProcess): Promise<string> {
  const message = await new Promise((resolve) => child.once('message', resolve))
  expect(message).toEqual({ kind: 'ready', ports: { http: expect.any(Number) } })
  const { ports } = message as { readonly ports: { readonly http: number } }
  return `http://127.0.0.1:${ports.http}`
}
