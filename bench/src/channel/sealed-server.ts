import { systemClock, systemRandom } from '@sealward/enclave/effects'
import { addSealedRoutes, createChannelKeys } from '@sealward/enclave/sealed-http'
import Fastify, { type FastifyInstance } from 'fastify'
import { createTlsIdentity } from '../../../packages/enclave/src/identity/tls-identity.ts'

// The measured server: the same routes over TLS 1.3, once as they are, and once inside the sealed channel.

const { certificatePem, privateKeyPem } = createTlsIdentity({
  commonName: 'localhost',
  at: systemClock.now(),
  random: systemRandom,
})
const server = Fastify({
  logger: false,
  bodyLimit: 64 * 1024 * 1024,
  https: { key: privateKeyPem, cert: certificatePem, minVersion: 'TLSv1.3' },
})
const inner = Fastify({ logger: false, bodyLimit: 64 * 1024 * 1024 })
for (const app of [server, inner]) addRoutes(app)
await inner.ready()
const keys = await createChannelKeys({ clock: systemClock, random: systemRandom })
addSealedRoutes(server, {
  inner,
  keys,
  evidence: () => Promise.reject(new Error('nobody asks for evidence here')),
  random: systemRandom,
  limits: { requestsAtOnceMax: 256 },
})
server.get('/ohttp', async (_request, reply) => {
  const offered = await keys.offered()
  return offered.ok ? reply.send(Buffer.from(offered.value)) : reply.code(503).send()
})
await server.listen({ port: 0, host: '127.0.0.1' })
const address = server.server.address()
process.on('message', () => {
  const { system, user } = process.cpuUsage()
  process.send?.({ cpu: system + user })
})
process.send?.({ port: typeof address === 'object' ? address?.port : undefined })

function addRoutes(app: FastifyInstance): void {
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_r, body, done) =>
    done(null, body),
  )
  app.post('/up', async ({ body }) => ({ bytes: (body as Buffer).length }))
  const kept = new Map<number, Buffer>()
  app.get<{ Params: { readonly bytes: string } }>('/down/:bytes', async ({ params }, reply) => {
    const length = Number(params.bytes)
    const body = kept.get(length) ?? Buffer.alloc(length, 7)
    kept.set(length, body)
    return reply.type('application/octet-stream').send(body)
  })
}
