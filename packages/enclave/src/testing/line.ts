import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A line to a server that can be cut. */
export interface Line {
  readonly port: number
  /** Ends all connections, and takes no new one. */
  cut(): void
  mend(): void
  /** Carries nothing, and ends nothing: a network that swallows. */
  freeze(): void
  thaw(): void
  close(): Promise<void>
}

/** A line to the server on this port of 127.0.0.1. */
export async function startLine(target: number): Promise<Line> {
  const open = new Set<Socket>()
  let isCut = false
  const server = createServer((near) => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = connect(target, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const end = (): void => {
    for (const socket of open) socket.destroy()
    open.clear()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      isCut = true
      end()
    },
    mend: () => {
      isCut = false
    },
    freeze: () => {
      for (const socket of open) socket.pause()
    },
    thaw: () => {
      for (const socket of open) socket.resume()
    },
    close: () =>
      new Promise((resolve) => {
        end()
        server.close(() => resolve())
      }),
  }
}
