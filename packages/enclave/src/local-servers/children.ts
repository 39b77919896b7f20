import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { chmodSync, chownSync, lchownSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { LocalProblem } from './local-problem.ts'

/** `nobody`: who a database server runs as where the stack itself runs as root. */
const unprivileged = 65534

/** Whether a server that refuses root must be started as somebody else. */
export const isRoot: boolean = process.getuid?.() === 0

/**
 * Starts a program that refuses to run as root. As root on Linux it runs as `nobody`, with the one
 * capability that lets it reach a state folder below a home that only root may enter.
 */
export function spawnUnprivileged(
  command: string,
  parameters: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  if (!isRoot || process.platform !== 'linux') return spawn(command, parameters, options)
  const capability = '-all,+dac_override'
  return spawn(
    'setpriv',
    [
      `--reuid=${unprivileged}`,
      `--regid=${unprivileged}`,
      '--clear-groups',
      `--inh-caps=${capability}`,
      `--ambient-caps=${capability}`,
      command,
      ...parameters,
    ],
    options,
  )
}

/** Gives a folder and all in it to whom {@link spawnUnprivileged} runs as. */
export function giveToUnprivileged(folder: string): void {
  if (!isRoot) return
  chownSync(folder, unprivileged, unprivileged)
  chmodSync(folder, 0o700)
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    lchownSync(join(folder, entry), unprivileged, unprivileged)
  }
}

/** Whether a process of that id exists. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Waits for a child to end with code 0; its output goes into the problem otherwise. */
export function completed(child: ChildProcess, what: string): Promise<void> {
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(new LocalProblem('not-started', `${what}: ${error.message}`)),
    )
    child.once('close', (code) =>
      code === 0
        ? resolve()
        : reject(new LocalProblem('failed', `${what} failed (${code}).\n${output}`)),
    )
  })
}

/** Ends a child by its id: asks, waits `patienceMs`, then kills. */
export async function end(
  child: ChildProcess,
  signal: NodeJS.Signals,
  patienceMs: number,
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  await closed
  clearTimeout(timer)
}

/** A loopback port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no port')),
      )
    })
  })
}
