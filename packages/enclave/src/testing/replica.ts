import { type ChildProcess, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'

/** One process of the service. */
export interface Replica {
  readonly port: number
  readonly url: string
  /** Lines of its log. */
  readonly log: readonly string[]
  start(): Promise<void>
  /** Resolves when it has ended. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** A replica that listens on one port of its own, however often it is started. */
export async function createReplica(options: {
  /** Of the service: `main.ts`. */
  readonly main: string
  readonly name: string
  readonly folder: string
  readonly config: object
}): Promise<Replica> {
  const port = await freePort()
  const file = join(options.folder, `${options.name}.json`)
  await writeFile(file, JSON.stringify({ ...options.config, port }))
  const log: string[] = []
  let child: ChildProcess | undefined
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    log,
    async start() {
      const started = spawn(process.execPath, [options.main], {
        env: { SEALWARD_CONFIG: file },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      })
      child = started
      for (const stream of [started.stdout, started.stderr]) {
        stream?.on('data', (chunk) => log.push(...String(chunk).split('\n')))
      }
      await new Promise<void>((resolve, reject) => {
        started.once('message', () => resolve())
        started.once('exit', (code) =>
          reject(new Error(`${options.name} ended (${code})\n${log.slice(-5).join('\n')}`)),
        )
      })
    },
    async stop(signal) {
      const ending = child
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
      const ended = new Promise((resolve) => ending.once('exit', resolve))
      ending.kill(signal)
      await ended
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}
