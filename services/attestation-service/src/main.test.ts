import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { issuer } from './testing/attester.fixtures.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-attestation-'))
})
afterEach(() => rm(folder, { recursive: true }))

const main = fileURLToPath(new URL('main.ts', import.meta.url))

async function start(config: object): Promise<ChildProcess> {
  const file = join(folder, 'config.json')
  await writeFile(file, JSON.stringify(config))
  return spawn(process.execPath, [main], {
    env: { SEALWARD_CONFIG: file },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', resolve))
}

function config(change: object): object {
  const stateFolder = join(folder, 'state')
  const roots = ['ab'.repeat(32)]
  return { issuer, stateFolder, pcsUrl: 'http://127.0.0.1:1', development: true, roots, ...change }
}

test('an instance that is not for development does not start with a sample root', async () => {
  const child = await start(config({ development: false }))
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said += String(chunk)
  })
  expect(await exitOf(child)).toBe(1)
  expect(said).toMatch(/^attestation-service: .*root/)
})

test('a policy that cannot be read keeps an instance from starting', async () => {
  const policyFile = join(folder, 'policy.txt')
  await writeFile(policyFile, 'version=1.0; authorizationrules { permit }')
  expect(await exitOf(await start(config({ policyFile })))).toBe(1)
})

test('the process says where it listens, answers there, and ends when told to', async () => {
  const child = await start(config({}))
  const exit = exitOf(child)
  const message = await new Promise((resolve) => child.once('message', resolve))
  expect(message).toEqual({ kind: 'ready', ports: { http: expect.any(Number) } })
  const { ports } = message as { readonly ports: { readonly http: number } }
  const metadata = await fetch(`http://127.0.0.1:${ports.http}/.well-known/openid-configuration`)
  expect(await metadata.json()).toMatchObject({ issuer })
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
})
