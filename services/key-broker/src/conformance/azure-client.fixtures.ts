import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Call, Reply } from './azure-client-process.fixtures.ts'

/** The released client in its own process. */
export interface AzureClient {
  call(call: Omit<Call, 'id'>): Promise<Reply>
  close(): Promise<void>
}

/** @param caFile - PEM of the authority whose certificates it is to believe. */
export async function startAzureClient(caFile: string): Promise<AzureClient> {
  const child = fork(fileURLToPath(new URL('azure-client-process.fixtures.ts', import.meta.url)), {
    env: { NODE_EXTRA_CA_CERTS: caFile },
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const waiting = new Map<number, (reply: Reply) => void>()
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`the client ended: ${code}`)))
  })
  child.on('message', (reply: Reply) => {
    waiting.get(reply.id)?.(reply)
    waiting.delete(reply.id)
  })
  let calls = 0
  return {
    call: (call) =>
      new Promise((resolve) => {
        calls++
        waiting.set(calls, resolve)
        child.send({ ...call, id: calls })
      }),
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.disconnect()
      }),
  }
}
