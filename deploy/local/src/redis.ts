import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { end, freePort, LocalProblem } from '@sealward/enclave/local-servers'

/** A Redis server of ours on loopback, in memory only: what it holds is sealed, and a cache. */
export interface Redis {
  readonly url: string
  stop(): Promise<void>
}

/** Starts the Redis (or Valkey) server of this machine; `undefined` where there is none. */
export async function startRedis(): Promise<Redis | undefined> {
  const program = ['redis-server', 'valkey-server'].map(onPath).find((found) => found !== undefined)
  if (program === undefined) return undefined
  const [port, password] = [await freePort(), randomBytes(24).toString('base64url')]
  const server = spawn(program, ['-'], { stdio: ['pipe', 'ignore', 'ignore'] })
  // The password goes in by standard input, where a list of processes does not show it.
  server.stdin.end(
    `bind 127.0.0.1\nport ${port}\nrequirepass ${password}\nsave ""\nappendonly no\nmaxmemory 256mb\nmaxmemory-policy allkeys-lru\n`,
  )
  for (let waitedMs = 0; !(await listens(port)); waitedMs += 25) {
    if (server.exitCode !== null || waitedMs > 10_000) {
      throw new LocalProblem('redis', `${program} did not start.`)
    }
    await sleep(25)
  }
  return { url: `redis://:${password}@127.0.0.1:${port}`, stop: () => end(server, 'SIGTERM', 5000) }
}

function onPath(program: string): string | undefined {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/opt/homebrew/bin']
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file))
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
