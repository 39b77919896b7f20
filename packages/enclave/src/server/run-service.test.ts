import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

let folder: string
const children: ChildProcess[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-plain-'))
  await writeFile(join(folder, 'config.json'), '{"port": 0}')
  await writeFile(join(folder, 'wrong.json'), '{"port": "secret"}')
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

interface Started {
  readonly child: ChildProcess
  readonly ready: Promise<{ readonly kind: string; readonly ports: { readonly http: number } }>
  readonly exit: Promise<number | null>
  output(): string
}

function start(config: string): Started {
  const child = fork(fileURLToPath(new URL('../testing/plain-service.ts', import.meta.url)), {
    env: { SEALWARD_CONFIG: join(folder, config) },
    execPath: process.execPath,
    execArgv: [],
    silent: true,
  })
  children.push(child)
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  child.stderr?.on('data', (chunk) => {
    output += chunk
  })
  return {
    child,
    ready: new Promise((resolve) => child.once('message', (message) => resolve(message as never))),
    exit: new Promise((resolve) => child.once('close', resolve)),
    output: () => output,
  }
}

test('a service says when it is ready and where, and ends with 0 when it is asked to', async () => {
  const { child, ready, exit } = start('config.json')
  const { kind, ports } = await ready
  expect(kind).toBe('ready')
  expect((await fetch(`http://127.0.0.1:${ports.http}/healthz`)).status).toBe(200)
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
})

test('a service whose parent has gone ends', async () => {
  const { child, ready } = start('config.json')
  await ready
  // Without its channel a child process never tells that its streams have closed.
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.disconnect()
  expect(await exit).toBe(0)
})

test('a service that does not drain in time ends with 1', async () => {
  const { child, ready, exit, output } = start('config.json')
  const { ports } = await ready
  await fetch(`http://127.0.0.1:${ports.http}/hang`, { method: 'POST' })
  child.kill('SIGTERM')
  expect(await exit).toBe(1)
  expect(output()).toContain('"event":"not-drained"')
})

test('a wrong configuration ends it with 1 and a sentence that does not repeat the value', async () => {
  const { exit, output } = start('wrong.json')
  expect(await exit).toBe(1)
  expect(output()).toContain('plain: The configuration file is wrong at port: number expected.')
  expect(output()).not.toContain('secret')
})
