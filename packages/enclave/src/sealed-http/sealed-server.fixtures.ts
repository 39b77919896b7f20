import { refuse } from '@sealward/attestation/bytes'
import {
  type BinaryResponse,
  decodeKeyConfigs,
  decodeResponse,
  encodeRequest,
  type Field,
  type KeyConfig,
  openResponse,
  type SealedExchange,
  sealRequest,
} from '@sealward/attestation/channel'
import Fastify, { type FastifyInstance } from 'fastify'
import { systemRandom as random, systemClock } from '../effects/index.ts'
import { createServer } from '../server/index.ts'
import { createLogger } from '../telemetry/index.ts'
import { addSealedRoutes, type SealedRoutesOptions } from './add-sealed-routes.ts'
import { type ChannelKeys, createChannelKeys, type SharedChannel } from './channel-keys.ts'

/** One replica: a real server, whose inner routes count what reaches them. */
export interface Replica {
  readonly url: string
  readonly port: number
  readonly keys: ChannelKeys
  /** `method path` of what the inner routes got. */
  readonly reached: string[]
  stop(): Promise<void>
}

export async function startReplica(
  options: {
    readonly shared?: SharedChannel
    readonly clock?: { now(): number }
    readonly limits?: SealedRoutesOptions['limits']
    readonly openedInPartMax?: number
    /** Adds routes of a test's own. */
    readonly routes?: (inner: FastifyInstance) => void
    /** Changes the server that listens. */
    readonly outer?: (server: FastifyInstance) => void
  } = {},
): Promise<Replica> {
  const { shared, clock = systemClock, limits = {}, openedInPartMax } = options
  const reached: string[] = []
  const inner = Fastify({ logger: false })
  inner.addHook('onRequest', async ({ method, url }) => void reached.push(`${method} ${url}`))
  inner.post('/echo', async (request) => ({ said: request.body }))
  inner.get('/hello', async ({ headers }, reply) =>
    reply.header('x-inner', 'yes').send({ hello: headers['x-name'] ?? 'nobody' }),
  )
  options.routes?.(inner)
  await inner.ready()
  const keys = await createChannelKeys({
    clock,
    random,
    ...(shared && { shared }),
    ...(openedInPartMax !== undefined && { openedInPartMax }),
  })
  const server = createServer({
    name: 'test',
    logger: createLogger('test', { level: 'silent' }),
    limits: { bodyBytesMax: 64 * 1024 * 1024 },
  })
  options.outer?.(server.app)
  addSealedRoutes(server.app, {
    inner,
    keys,
    evidence: async () => refuse('unavailable', 'tee', 'This test has no TEE.'),
    random,
    limits,
  })
  const { port } = await server.listen()
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    keys,
    reached,
    stop: () => server.close(),
  }
}

/** What a replica offers to seal to. */
export async function configsOf(keys: ChannelKeys): Promise<readonly KeyConfig[]> {
  const offered = await keys.offered()
  if (!offered.ok) throw new Error(offered.problem.code)
  const configs = decodeKeyConfigs(offered.value)
  if (!configs.ok) throw new Error(configs.problem.code)
  return configs.value
}

export interface Sealed {
  readonly message: Uint8Array
  open(answer: Response): Promise<BinaryResponse>
}

export async function seal(
  config: KeyConfig | undefined,
  request: {
    readonly method?: string
    readonly path: string
    readonly headers?: readonly Field[]
    readonly body?: Uint8Array
  },
): Promise<Sealed> {
  if (config === undefined) throw new Error('no key to seal to')
  const { method = 'GET', path, headers = [], body = new Uint8Array() } = request
  const encoded = encodeRequest({ method, scheme: 'https', authority: '', path, headers, body })
  const sealed = await sealRequest({ config, request: encoded, random })
  if (!sealed.ok) throw new Error(sealed.problem.code)
  const { exchange, message } = sealed.value
  return { message, open: (answer) => opened(exchange, answer) }
}

async function opened(exchange: SealedExchange, answer: Response): Promise<BinaryResponse> {
  const message = new Uint8Array(await answer.arrayBuffer())
  const response = await openResponse({ exchange, message })
  if (!response.ok) throw new Error(response.problem.code)
  const decoded = decodeResponse(response.value)
  if (!decoded.ok) throw new Error(decoded.problem.code)
  return decoded.value
}

export function post(url: string, message: Uint8Array): Promise<Response> {
  return fetch(`${url}/sealed`, {
    method: 'POST',
    headers: { 'content-type': 'message/ohttp-req' },
    body: Buffer.from(message),
  })
}

/** Status and code of a refusal outside the channel. */
export async function refusalOf(answer: Response): Promise<readonly [number, string]> {
  const { type } = (await answer.json()) as { readonly type: string }
  return [answer.status, type.replace('urn:sealward:problem:', '')]
}
