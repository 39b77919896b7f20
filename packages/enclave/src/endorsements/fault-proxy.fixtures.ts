import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What happens to one request on its way. */
export type Fault =
  | 'none'
  /** The connection ends after half the body. */
  | 'reset'
  /** Nothing comes. */
  | 'silent'
  /** JSON, and another. */
  | 'other-json'
  /** No issuer chain. */
  | 'no-chain'
  /** More than any endorsement. */
  | 'oversize'
  | { readonly status: number; readonly retryAfter?: string }

export interface FaultProxy {
  readonly url: string
  /** Taken one for each request; then `always`. */
  readonly faults: Fault[]
  always: Fault
  /** Of all requests so far. */
  readonly targets: string[]
  close(): Promise<void>
}

/** Stands between a client and `upstream`, over real connections. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const faults: Fault[] = []
  const targets: string[] = []
  const server = createServer((request, response) => {
    targets.push(request.url ?? '')
    void pass(upstream, request, response, faults.shift() ?? proxy.always)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    always: 'none',
    targets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return proxy
}

async function pass(
  upstream: string,
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault,
): Promise<void> {
  if (fault === 'silent') return
  if (typeof fault === 'object') {
    const { status, retryAfter } = fault
    response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end()
    return
  }
  const answer = await fetch(upstream + request.url)
  const body = Buffer.from(await answer.arrayBuffer())
  const headers = Object.fromEntries(answer.headers)
  delete headers['content-length']
  delete headers['transfer-encoding']
  if (fault === 'no-chain') {
    for (const name of Object.keys(headers))
      if (name.endsWith('-issuer-chain')) delete headers[name]
  }
  if (fault === 'reset') {
    response.writeHead(answer.status, { ...headers, 'content-length': body.length })
    response.write(body.subarray(0, body.length / 2), () => request.socket.resetAndDestroy())
    return
  }
  response.writeHead(answer.status, headers)
  if (fault === 'other-json') response.end('{"tcbInfo":{"id":"SGX"},"signature":"00"}')
  else if (fault === 'oversize') response.end(Buffer.alloc(2_000_000, 0x20))
  else response.end(body)
}
