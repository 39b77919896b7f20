/** `sealward broker serve` as a process of its own. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { brokerConfig } from '@sealward/key-broker/config'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sealward } from './broker.fixtures.ts'

const main = resolve(import.meta.dirname, '../main.ts')
let folder: string
let children: ChildProcess[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-broker-serve-'))
  children = []
})
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode === null) {
      child.kill('SIGINT')
      await new Promise((done) => child.once('exit', done))
    }
  }
  await rm(folder, { recursive: true })
})

interface Process {
  readonly child: ChildProcess
  said(): string
  readonly url: Promise<string>
  readonly ended: Promise<number | null>
}

function start(...commandLine: readonly string[]): Process {
  const child = spawn(process.execPath, [main, ...commandLine], {
    cwd: folder,
    env: {},
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  children.push(child)
  child.stdin.end()
  let said = ''
  const url = new Promise<string>((ready) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        said += String(chunk)
        const [, found] = /ready: (http:\S+)/.exec(said) ?? []
        if (found !== undefined) ready(found)
      })
    }
  })
  const ended = new Promise<number | null>((done) => child.once('close', done))
  return { child, said: () => said, url, ended }
}

test('it serves from an empty folder with a database of its own, and custody works beside it and without it', async () => {
  const service = start('broker', 'serve', '--port', '0')
  const url = await service.url
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  for (const words of [
    'nobody: no identity provider',
    'opened by        file',
    'sealward audit key',
  ]) {
    expect(service.said()).toContain(words)
  }
  const state = join(folder, '.sealward-broker')
  expect((await stat(join(state, 'key-encryption-key'))).mode & 0o777).toBe(0o600)

  const made = start('broker', 'recovery', 'create', '--json', '--shares', '2', '--threshold', '2')
  expect(await made.ended).toBe(0)
  const { shares } = JSON.parse(made.said())
  service.child.kill('SIGINT')
  expect(await service.ended).toBe(0)

  // Its own PostgreSQL is started for the while.
  const rehearsed = spawn(process.execPath, [main, 'broker', 'recovery', 'rehearse', '--json'], {
    cwd: folder,
    env: {},
  })
  children.push(rehearsed)
  let said = ''
  rehearsed.stdout.on('data', (chunk) => {
    said += String(chunk)
  })
  rehearsed.stdin.end(`${shares.join('\n')}\n`)
  expect(await new Promise((done) => rehearsed.once('close', done))).toBe(0)
  expect(JSON.parse(said)).toMatchObject({ numbers: [1, 2] })
}, 60_000)

test('a configuration to start from is one, and what is wrong with another is said', async () => {
  const { code, out } = await sealward(['broker', 'serve', '--print-config'])
  expect(code).toBe(0)
  expect(brokerConfig.parse(JSON.parse(out))).toMatchObject({ keyEncryption: { kind: 'pkcs11' } })
  const wrong = await sealward(['broker', 'serve', '--config', join(folder, 'nothing.json')])
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('file-unreadable') })
})
