import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '@sealward/enclave/local-servers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectRoot } from './sources.ts'

// What a newcomer meets: the very program that `npm start` runs, as a process of its own.

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sealward-start-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const bootstrap = (name: string): string => join(projectRoot, 'deploy/local/bootstrap', name)

test('it starts, answers /healthz, starts again from the same state, and leaves no process behind', async () => {
  const env = { SEALWARD_HOME: join(folder, 'state'), PORT: String(await freePort()) }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const { child, output } = startStack(env)
    await untilHealthy(child, env.PORT)
    expect(output()).toContain(`http://localhost:${env.PORT}/`)
    const family = descendantsOf(child.pid ?? 0)
    expect(family.length).toBeGreaterThan(5)
    if (signal === 'SIGINT') interruptAll([child.pid ?? 0, ...family.slice(0, 1)])
    else child.kill(signal)
    await ended(child)
    await sleep(500)
    expect(family.filter(isAlive)).toEqual([])
  }
  const other = startStack({ ...env, PORT: String(await freePort()) })
  expect(await ended(other.child)).toBe(1)
  expect(other.output()).toContain(`PORT=${env.PORT}`)
})

test('a busy port is told in one sentence', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const { child, output } = startStack({ SEALWARD_HOME: join(folder, 'busy'), PORT: String(port) })
  expect(await ended(child)).toBe(1)
  expect(output()).toContain(`Port ${port} is in use.`)
  expect(output()).not.toContain('    at ')
  server.close()
})

test.each([
  [
    'a folder that cannot be written',
    () => join(projectRoot, 'package.json', 'state'),
    'cannot be written',
  ],
  ["a folder of somebody else's", foreignFolder, 'holds other files'],
  ['state of an earlier version', stateOfBefore, 'made by an earlier version of Sealward'],
])('%s is told in one sentence', async (_what, home, sentence) => {
  const { child, output } = startStack({ SEALWARD_HOME: home(), PORT: String(await freePort()) })
  expect(await ended(child)).toBe(1)
  expect(output()).toContain(sentence)
  expect(output()).not.toContain('    at ')
})

test('a Node that is too old is told in one sentence', async () => {
  const program = `
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } })
    const { requireNode } = await import(${JSON.stringify(bootstrap('node-version.mjs'))})
    requireNode()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program])
  const output = collect(child)
  expect(await ended(child)).toBe(1)
  expect(output()).toBe('Sealward needs Node 20.19 or later to start; this is Node 18.20.4.\n')
})

test('--help says what can be set, and anything else is not taken for it', async () => {
  const told: (readonly [code: number | null, output: string])[] = []
  for (const argument of ['--help', '--port']) {
    const child = spawn(process.execPath, [bootstrap('start.mjs'), argument])
    const output = collect(child)
    told.push([await ended(child), output()])
  }
  const [[helped, help], [refused, refusal]] = told as [(typeof told)[0], (typeof told)[0]]
  expect([helped, refused]).toEqual([0, 2])
  for (const name of ['PORT=4400', 'SEALWARD_HOME=.sealward', 'npm run reset']) {
    expect(help).toContain(name)
  }
  expect(refusal).toBe(`npm start takes no --port.\n\n${help}`)
})

test('reset removes a state folder of ours, and nothing else', async () => {
  const foreign = foreignFolder()
  const refused = spawn(process.execPath, [bootstrap('reset.mjs')], {
    env: { ...process.env, SEALWARD_HOME: foreign },
  })
  expect(await ended(refused)).toBe(1)
  const removed = spawn(process.execPath, [bootstrap('reset.mjs')], {
    env: { ...process.env, SEALWARD_HOME: join(folder, 'state') },
  })
  const output = collect(removed)
  expect(await ended(removed)).toBe(0)
  expect(output()).toContain('Removed')
})

function startStack(env: Readonly<Record<string, string>>): {
  readonly child: ChildProcess
  readonly output: () => string
} {
  const child = spawn(process.execPath, [bootstrap('start.mjs')], {
    cwd: projectRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { child, output: collect(child) }
}

function collect(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
  }
  return () => text
}

async function untilHealthy(child: ChildProcess, port: string): Promise<void> {
  const healthy = (): Promise<boolean> =>
    fetch(`http://localhost:${port}/healthz`).then(
      (answer) => answer.status === 200,
      () => false,
    )
  while (!(await healthy())) {
    if (child.exitCode !== null) throw new Error('the stack did not start')
    await sleep(50)
  }
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', (code) => resolve(code)))
}

/** What a terminal does on Ctrl-C: every process of the group gets the signal, npm's child and its child. */
function interruptAll(pids: readonly number[]): void {
  for (const pid of pids) process.kill(pid, 'SIGINT')
}

/** Every process below `pid`, nearest first. */
function descendantsOf(pid: number): readonly number[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  const below = (parent: number): readonly number[] => {
    const children = table.filter(([, ppid]) => ppid === parent).map(([child]) => child ?? 0)
    return [...children, ...children.flatMap(below)]
  }
  return below(pid)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function foreignFolder(): string {
  const foreign = join(folder, 'foreign')
  mkdirSync(foreign, { recursive: true })
  writeFileSync(join(foreign, 'thesis.txt'), 'not ours')
  return foreign
}

/** What is left of a stack that sealed with its TEE's own key. */
function stateOfBefore(): string {
  const older = join(folder, 'older')
  mkdirSync(older)
  writeFileSync(join(older, 'sealward-home'), '')
  writeFileSync(join(older, 'deployment'), 'urn:uuid:00000000-0000-4000-8000-000000000001')
  return older
}
