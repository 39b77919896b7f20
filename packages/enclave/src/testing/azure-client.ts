import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A released client of Azure's, in a process of its own. */
export interface AzureClient<Call, Reply> {
  call(call: Omit<Call, 'id'>): Promise<Reply>
  close(): Promise<void>
}

/**
 * Starts a client that answers each message with one of the same `id`, and says a word when it is ready.
 *
 * @param program - the module that it runs.
 * @param caFile - PEM of the authority whose certificates it is to believe.
 */
export async function startAzureClient<
  Call extends { readonly id: number },
  Reply extends { readonly id: number },
>(program: URL, caFile: string): Promise<AzureClient<Call, Reply>> {
  const child = fork(fileURLToPath(program), {
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
