import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { attestationConfig } from '@sealward/attestation-service/config'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run } from '../program.ts'
import type { Surroundings } from '../surroundings.ts'

const main = resolve(import.meta.dirname, '../main.ts')

let folder: string
let children: ChildProcess[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-attestation-cli-'))
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

/** The command in this process, where it does not serve. */
async function sealward(
  ...commandLine: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let out = ''
  let err = ''
  const code = await run(commandLine, {
    effects: {} as Surroundings['effects'],
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: {},
    version: '0',
    interrupted: new AbortController().signal,
  })
  return { code, out, err }
}

interface Process {
  readonly child: ChildProcess
  said(): string
  /** Where it said that it is. */
  readonly url: Promise<string>
  readonly ended: Promise<number | null>
}

function start(...commandLine: readonly string[]): Process {
  const child = spawn(process.execPath, [main, 'attestation', ...commandLine], {
    cwd: folder,
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
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

const kidsAt = async (url: string): Promise<readonly string[]> =>
  ((await (await fetch(`${url}/certs`)).json()) as { keys: { kid: string }[] }).keys.map(
    ({ kid }) => kid,
  )

test('it serves from an empty folder, ends in order, and is the same service again', async () => {
  const service = start('serve', '--port', '0', '--issuer', 'https://attest.example')
  const url = await service.url
  const metadata = await (await fetch(`${url}/.well-known/openid-configuration`)).json()
  expect(metadata).toMatchObject({ issuer: 'https://attest.example' })
  const words = [
    'https://attest.example',
    url,
    'production',
    'mode shared',
    '.sealward-attestation',
  ]
  for (const word of words) {
    expect(service.said()).toContain(word)
  }
  const [kid] = await kidsAt(url)
  const state = join(folder, '.sealward-attestation')
  for (const file of ['key-encryption-key', 'postgres-owner']) {
    expect((await stat(join(state, file))).mode & 0o777).toBe(0o600)
  }

  // Whoever starts it twice does not take the first one's database away.
  const second = start('serve', '--port', '0', '--issuer', 'https://attest.example')
  expect(await second.ended).toBe(3)
  expect(second.said()).toContain('state-in-use')

  const rotated = start('rotate', '--json')
  expect(await rotated.ended).toBe(0)
  expect(JSON.parse(rotated.said())).toMatchObject([
    { kid, state: 'current' },
    { state: 'next', algorithm: 'RS256' },
  ])
  expect((await fetch(`${url}/healthz`)).status).toBe(200)

  service.child.kill('SIGINT')
  expect(await service.ended).toBe(0)
  expect(existsSync(join(state, 'postgres', 'postmaster.pid'))).toBe(false)
  const stopped = start('rotate')
  expect(await stopped.ended).toBe(3)
  expect(stopped.said()).toContain('database-stopped')

  const again = start('serve', '--port', '0', '--issuer', 'https://attest.example')
  expect(await kidsAt(await again.url)).toContain(kid)
  again.child.kill('SIGTERM')
  expect(await again.ended).toBe(0)

  const renamed = start('serve', '--port', '0', '--issuer', 'https://other.example')
  expect(await renamed.ended).toBe(2)
  expect(renamed.said()).toContain('This database holds the instance as https://attest.example.')
}, 90_000)

test('while a database is waited for, that is said, and Ctrl-C ends it', async () => {
  const database = 'postgres://somebody:hunter2-canary@127.0.0.1:9/attestation'
  const waiting = start('serve', '--port', '0', '--database', database)
  await expect.poll(() => waiting.said(), { timeout: 20_000 }).toContain('at 127.0.0.1:9 …')
  waiting.child.kill('SIGINT')
  const asked = performance.now()
  expect(await waiting.ended).toBe(130)
  // Nobody waits for the half minute that a database is given.
  expect(performance.now() - asked).toBeLessThan(10_000)
  expect(waiting.said()).toContain('Stopped before it was ready.')
  expect(waiting.said()).not.toContain('hunter2-canary')
}, 60_000)

test('the configuration that is printed is one, and says of everything what is assumed', async () => {
  const { code, out } = await sealward('attestation', 'serve', '--print-config')
  expect(code).toBe(0)
  const printed: unknown = JSON.parse(out)
  const config = attestationConfig.parse(printed)
  expect(config.instances.map(({ name, mode }) => [name, mode])).toEqual([
    ['default', 'entra'],
    ['hospital', 'isolated'],
  ])
  // The first instance leaves nothing out but roots, which would be the vendors'.
  expect(config.instances[0]).toEqual((printed as typeof config).instances[0])
  expect(
    attestationConfig.parse({ ...config, instances: [{ name: 'x', issuer: 'https://x' }] }),
  ).toMatchObject({
    refreshSeconds: config.refreshSeconds,
    instances: [{ keys: config.instances[0].keys, limits: config.instances[0].limits }],
  })
})

test('what is wrong in a configuration is said by its name, without its value', async () => {
  const secret = 'hunter2-canary'
  const instances = [{ name: 'default', issuer: 'https://attest.example' }]
  const cases: readonly (readonly [string, string])[] = [
    [JSON.stringify({ instances: [{ ...instances[0], issuer: secret }] }), 'instances[0].issuer'],
    [JSON.stringify({ instances, databaseUrl: secret }), 'databaseUrl'],
    [JSON.stringify({ instances, refreshSeconds: 60 }), 'refreshSeconds'],
    [JSON.stringify({ instances: [] }), 'instances'],
    [JSON.stringify({ instances, colour: secret }), 'nothing is called colour'],
    [JSON.stringify({}), 'instances'],
    [`{"instances": "${secret}`, 'not a JSON object'],
    ['[]', 'not a JSON object'],
  ]
  for (const [content, word] of cases) {
    const file = join(folder, 'config.json')
    await writeFile(file, content)
    const { code, err } = await sealward('attestation', 'serve', '--config', file)
    expect([code, content]).toEqual([2, content])
    expect(err).toContain(word)
    expect(err).not.toContain(secret)
  }
})

test('usage that makes no sense is refused before anything is started', async () => {
  const file = join(folder, 'config.json')
  await writeFile(
    file,
    JSON.stringify({ instances: [{ name: 'default', issuer: 'https://attest.example' }] }),
  )
  for (const [options, word] of [
    [['--config', join(folder, 'nowhere.json')], 'file-unreadable'],
    [['--config', file, '--issuer', 'https://x.example'], 'option-conflict'],
    [['--issuer', 'ftp://x'], 'issuer'],
    [['--port', '70000'], '65535'],
    [['--address', 'localhost'], 'address'],
  ] as const) {
    const { code, err } = await sealward('attestation', 'serve', ...options)
    expect(code).toBe(2)
    expect(err).toContain(word)
  }
  for (const command of ['serve', 'rotate']) {
    for (const state of [file, join(file, 'below')]) {
      const { code, err } = await sealward('attestation', command, '--state', state)
      expect([command, code, err]).toEqual([command, 2, expect.stringContaining('file-unwritable')])
    }
  }
  const database = ['--state', join(folder, 'state'), '--database', 'mysql://x']
  const { code, err } = await sealward('attestation', 'serve', ...database)
  expect([code, err.includes('databaseUrl')]).toEqual([2, true])
})

test('each command shows how it is used', async () => {
  for (const command of ['serve', 'rotate']) {
    const { code, out } = await sealward('attestation', command, '--help')
    expect(code).toBe(0)
    expect(out).toContain(`sealward attestation ${command}`)
    expect(out).toContain('Examples:')
  }
})
