import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What knows of TCP and of nothing else. */
export interface Balancer {
  readonly url: string
  /** Connections that each target took, in order of the ports. */
  readonly taken: readonly number[]
  close(): Promise<void>
}

/** Gives each connection to the next target; to the one after it, where that does not answer. */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const taken = ports.map(() => 0)
  const open = new Set<Socket>()
  let turn = 0
  const join = (near: Socket, far: Socket): void => {
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }
  const give = (near: Socket, first: number, tries: number): void => {
    const index = first % ports.length
    const far = connect(ports[index] ?? 0, '127.0.0.1')
    const onError = (): void => {
      if (tries > 1) give(near, first + 1, tries - 1)
      else near.destroy()
    }
    far.once('error', onError)
    far.once('connect', () => {
      far.off('error', onError)
      taken[index] = (taken[index] ?? 0) + 1
      join(near, far)
    })
  }
  const server = createServer((near) => {
    near.on('error', () => near.destroy())
    turn += 1
    give(near, turn, ports.length)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
