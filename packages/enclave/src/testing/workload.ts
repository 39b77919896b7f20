/**
 * A workload for tests: answers over HTTP what its TEE tells it.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { base64UrlOf, bytesOfBase64Url } from '@sealward/attestation/bytes'
import * as z from 'zod'
import { createPcsClient } from '../endorsements/index.ts'
import { createIdentity } from '../identity/index.ts'
import {
  createServer,
  runService,
  sendProblem,
  systemClock,
  systemRandom,
} from '../server/index.ts'

await runService(
  {
    name: 'workload',
    config: z.strictObject({ greeting: z.string(), pcsUrl: z.url().optional() }),
  },
  async ({ tee, config, log }) => {
    if (config.greeting === 'throw') throw new TypeError('CANARY in a message')
    const server = createServer({ name: 'workload', logger: log })
    server.app.get('/self', async () => ({ ...tee.self, greeting: config.greeting }))
    server.app.get<{ Querystring: { cpuSvn?: string; isvSvn?: string } }>(
      '/keys',
      async ({ query }) => {
        const { cpuSvn, isvSvn = tee.self.isvSvn } = query
        const version = cpuSvn === undefined ? undefined : { cpuSvn, isvSvn: Number(isvSvn) }
        const older = version && (await tee.olderSealingKey('mrsigner', version))
        return {
          mrsigner: base64UrlOf(await tee.sealingKey('mrsigner')),
          mrenclave: base64UrlOf(await tee.sealingKey('mrenclave')),
          ...(version !== undefined && {
            older: older === undefined ? 'none' : base64UrlOf(older),
          }),
        }
      },
    )
    const endorsements = createPcsClient({
      baseUrl: config.pcsUrl ?? 'http://127.0.0.1:1',
      clock: systemClock,
    })
    const identity = await createIdentity({
      tee,
      endorsements,
      random: systemRandom,
      clock: systemClock,
    })
    server.app.post<{ Body: { nonce: string } }>('/evidence', async (request, reply) => {
      const nonce = bytesOfBase64Url(request.body.nonce) ?? new Uint8Array()
      const document = await identity.evidence(nonce)
      return document.ok ? document.value : sendProblem(reply, 503, document.problem)
    })
    // Each tries what a measured workload must not be able to do.
    server.app.get('/read', async () => outcome(() => readFile('/etc/hosts')))
    server.app.get('/import-file', async () =>
      outcome(() => import(new URL('../outside.mjs', import.meta.url).href)),
    )
    server.app.get('/debug', async () => {
      process.kill(process.pid, 'SIGUSR1')
      return {}
    })
    server.app.get('/uncaught', async () => {
      setTimeout(() => {
        throw new Error('CANARY in a message')
      })
      return {}
    })
    server.app.get('/hang', () => new Promise(() => {}))
    const { port } = await server.listen()
    return { ports: { http: port }, close: () => server.close() }
  },
)

async function outcome(work: () => Promise<unknown>): Promise<{ readonly outcome: string }> {
  try {
    await work()
    return { outcome: 'done' }
  } catch (error) {
    return { outcome: error instanceof Error && 'code' in error ? String(error.code) : 'failed' }
  }
}
