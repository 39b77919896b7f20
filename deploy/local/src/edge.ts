import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { LocalProblem } from '@sealward/enclave/local-servers'
import { createProxyServer } from 'http-proxy-3'
import type { IdentityProvider } from './identity-provider/provider.ts'

/** What the one public port answers: the static portal, its configuration, and the other parties by path. */
export interface Edge {
  /** `http://localhost:<port>`: what the browser sees, and so part of every issuer. */
  readonly origin: string
  /** Where a path's requests go: `/platform/evidence` to `<url>/evidence`. */
  route(prefix: '/attestation' | '/key-broker' | '/platform', url: string): void
  answerIdentity(provider: IdentityProvider): void
  /** What `/config.json` says; until it is set, and `/healthz` with it, the edge answers 503. */
  publish(configuration: object): void
  close(): Promise<void>
}

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
}

const portalHeaders = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/**
 * Opens the one public port, on loopback only. It stands for a hospital's ordinary web server and
 * reverse proxy: it sees paths and sealed bodies, never a patient.
 *
 * @param folder of the built portal.
 * @throws LocalProblem `port-in-use`.
 */
export async function openEdge(port: number, folder: string): Promise<Edge> {
  const proxies = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>()
  let configuration: string | undefined
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const path = URL.parse(request.url ?? '/', 'http://edge')?.pathname
    // `GET //` is no address. Thrown here it would end the whole stack, and any web page can ask for it.
    if (path === undefined) {
      json(response, 400, {})
      return
    }
    const prefix = [...proxies.keys()].find(
      (known) => path === known || path.startsWith(`${known}/`),
    )
    const proxy = prefix === undefined ? undefined : proxies.get(prefix)
    if (proxy !== undefined) proxy(request, response)
    else if (path === '/healthz')
      json(response, configuration ? 200 : 503, { ready: configuration !== undefined })
    else if (path === '/config.json') {
      if (configuration === undefined) json(response, 503, { ready: false })
      else json(response, 200, configuration)
    } else if (request.method !== 'GET' && request.method !== 'HEAD') json(response, 405, {})
    else sendFile(response, folder, path, request.method === 'HEAD')
  }
  const servers = await listenOnLoopback(port, answer)
  return {
    origin: `http://localhost:${port}`,
    route(prefix, url) {
      const proxy = createProxyServer({ target: url, xfwd: false })
      proxy.on('error', (_error, request, response) => {
        // Whoever is still sending reads the answer when they are done.
        request.unpipe()
        request.resume()
        if ('writeHead' in response && !response.headersSent) {
          json(response as ServerResponse, 503, {
            type: 'urn:sealward:problem:service-unavailable',
            title: 'The service does not answer.',
          })
        } else response.destroy?.()
      })
      proxies.set(prefix, (request, response) => {
        request.url = (request.url ?? '/').slice(prefix.length) || '/'
        proxy.web(request, response)
      })
    },
    answerIdentity: (provider) => proxies.set('/identity', provider),
    publish: (value) => {
      configuration = JSON.stringify(value)
    },
    close: async () => {
      await Promise.all(
        servers.map((server) => {
          server.closeAllConnections()
          return new Promise((resolve) => server.close(resolve))
        }),
      )
    },
  }
}

/** A file of the portal, or its page for any path that names none (the page routes by itself). */
function sendFile(response: ServerResponse, folder: string, path: string, headOnly: boolean): void {
  const wanted = join(folder, normalize(decodeURIComponentOr(path)))
  const inside = wanted.startsWith(`${folder}/`) && isFile(wanted)
  if (!inside && extname(path) !== '') {
    json(response, 404, {})
    return
  }
  const file = inside ? wanted : join(folder, 'index.html')
  response.writeHead(200, {
    ...portalHeaders,
    'content-type': contentTypes[extname(file)] ?? 'application/octet-stream',
    'cache-control': file.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
  })
  if (headOnly) response.end()
  else
    createReadStream(file)
      .on('error', () => response.destroy())
      .pipe(response)
}

function decodeURIComponentOr(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return '/'
  }
}

/** A name that no file can have, too long or with a zero byte in it, names none. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true
  } catch {
    return false
  }
}

function json(response: ServerResponse, status: number, body: object | string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Both loopback addresses, since `localhost` may mean either; a machine without IPv6 has one. */
async function listenOnLoopback(
  port: number,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<readonly Server[]> {
  const first = await listen(createServer(answer), port, '127.0.0.1')
  const second = await listen(createServer(answer), port, '::1').catch((error: unknown) => {
    if (error instanceof LocalProblem) {
      first.close()
      throw error
    }
    return undefined
  })
  return second === undefined ? [first] : [first, second]
}

function listen(server: Server, port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new LocalProblem(
              'port-in-use',
              `Port ${port} is in use. End the program that holds it, or choose another: PORT=${port + 1} npm start`,
            )
          : error.code === 'EACCES'
            ? new LocalProblem(
                'port-denied',
                `Port ${port} may not be opened by this user. Choose one above 1023 with PORT.`,
              )
            : error,
      ),
    )
    server.listen(port, host, () => resolve(server))
  })
}
