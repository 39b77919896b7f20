/**
 * A service without a TEE, for tests.
 *
 * @module
 */

import * as z from 'zod'
import { createServer, runPlainService } from '../server/index.ts'

await runPlainService(
  { name: 'plain', config: z.strictObject({ port: z.int() }), closeSecondsMax: 0.5 },
  async ({ config, log }) => {
    const server = createServer({ name: 'plain', logger: log })
    let hangs = false
    server.app.post('/hang', async () => {
      hangs = true
      return {}
    })
    const { port } = await server.listen(config.port)
    return {
      ports: { http: port },
      close: () => (hangs ? new Promise(() => {}) : server.close()),
    }
  },
)
