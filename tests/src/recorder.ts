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

/** Every form in which a text may lie in bytes that were not sealed. */
export function traces(text: string): readonly Buffer[] {
  const utf8 = Buffer.from(text)
  const base64 = [0, 1, 2].map((shift) =>
    // Base64 of a text depends on where in a group of three it starts; the stable middle is looked for.
    Buffer.concat([Buffer.alloc(shift), utf8])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  )
  return [
    utf8,
    Buffer.from(encodeURIComponent(text)),
    Buffer.from(utf8.toString('hex')),
    Buffer.from(text, 'utf16le'),
    ...base64.filter((middle) => middle.length >= 6).map((middle) => Buffer.from(middle)),
    ...base64
      .filter((middle) => middle.length >= 6)
      .map((middle) => Buffer.from(middle.replaceAll('+', '-').replaceAll('/', '_'))),
  ]
}

/** Which forms of `text` lie in `haystack`; none, if it was sealed or never there. */
export function found(haystack: Buffer, text: string): readonly string[] {
  return traces(text)
    .filter((form) => haystack.includes(form))
    .map((form) => form.toString('latin1'))
}
