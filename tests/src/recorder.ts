import { connect, createServer, type Socket } from 'node:net'

/** What went through a wire, as an observer at the socket sees it. */
export interface Recorder {
  readonly port: number
  /** Every byte that the client sent. */
  sent(): Buffer
  /** Every byte that the client got. */
  received(): Buffer
  clear(): void
  close(): Promise<void>
}

/** A TCP relay on loopback to `target` that keeps every byte of both directions. */
export async function startRecorder(target: number): Promise<Recorder> {
  let sent: Buffer[] = []
  let received: Buffer[] = []
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => open.delete(socket))
    }
    client.on('data', (chunk) => sent.push(Buffer.from(chunk)))
    upstream.on('data', (chunk) => received.push(Buffer.from(chunk)))
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    sent: () => Buffer.concat(sent),
    received: () => Buffer.concat(received),
    clear: () => {
      sent = []
      received = []
    },
    close: () => {
      for (const socket of open) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
