import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { memoryFlags } from '@sealward/enclave/evidence'
import type { Ask, Limit, Ready, ServerOptions, Usage } from './server-messages.ts'

/** A measured attestation service in a process of its own. */
export interface ServerProcess {
  readonly url: string
  usage(): Promise<Usage>
  /** What no attestation service does without, in each second of this process's time. */
  limit(): Promise<number>
  stop(): Promise<void>
}

export async function startServerProcess(options: ServerOptions): Promise<ServerProcess> {
  const file = fileURLToPath(new URL('./attestation-server.ts', import.meta.url))
  const child = fork(file, [JSON.stringify(options)], {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning', ...memoryFlags],
  })
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}`)))
  })
  ended.catch(() => {})
  const said = <T>(): Promise<T> =>
    Promise.race([new Promise<T>((resolve) => child.once('message', resolve as never)), ended])
  const ask = <T>(what: Ask): Promise<T> => {
    const answer = said<T>()
    child.send(what)
    return answer
  }
  const { port } = await said<Ready>()
  return {
    url: `http://127.0.0.1:${port}`,
    usage: () => ask<Usage>('usage'),
    limit: async () => (await ask<Limit>('limit')).perSecond,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      }),
  }
}
