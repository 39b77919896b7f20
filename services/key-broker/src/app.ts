/**
 * The key broker: a Relying Party that holds keys, and releases them to attested workloads.
 *
 * @module
 */

import { createServer, type Server } from '@sealward/enclave/server'
import type { Logger, Metrics } from '@sealward/enclave/telemetry'
import type { FastifyInstance } from 'fastify'
import { addAnchorRoutes } from './anchors/anchor-routes.ts'
import { addAuditRoutes } from './audit/audit-routes.ts'
import type { Broker, Routes, Workloads } from './broker.ts'
import { addBreakGlassRoutes } from './custody/break-glass-routes.ts'
import { addHandOverRoutes } from './custody/hand-over-routes.ts'
import { limitRates } from './http.ts'
import { addKbsRoutes } from './kbs/kbs-routes.ts'
import { addKeyRoutes } from './keys/key-routes.ts'
import { addAttestedReleaseRoutes, addReleaseRoutes } from './release/release-routes.ts'

export type { Broker, Routes, Workloads } from './broker.ts'

/** Routes for people and their tools, by bearer token; and for those who bring evidence in their requests. */
const openRoutes: readonly Routes[] = [
  addKeyRoutes,
  addReleaseRoutes,
  addKbsRoutes,
  addAuditRoutes,
  addBreakGlassRoutes,
]

/** Routes for workloads on attested TLS. */
const attestedRoutes: readonly ((
  scope: FastifyInstance,
  broker: Broker,
  workloads: Workloads,
) => void)[] = [addAttestedReleaseRoutes, addAnchorRoutes, addHandOverRoutes]

/** The listener for people: plain HTTP, for what speaks TLS before it. */
export function createOpenServer(broker: Broker): Server {
  const server = createServer({ name: 'key-broker', logger: broker.log })
  limitRates(server.app, broker)
  for (const add of openRoutes) void server.app.register(async (scope) => add(scope, broker))
  return server
}

/** The listener for who watches: on this machine alone, for names of resources are told. */
export function createMetricsServer(metrics: Metrics, log: Logger): Server {
  const server = createServer({ name: 'key-broker', logger: log })
  server.app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
  return server
}

/** The listener for workloads: attested TLS with the broker's own identity. */
export function createAttestedServer(broker: Broker, workloads: Workloads): Server {
  const { attested } = workloads
  const clients = attested.trust.initTimeData.peers.map(({ role }) => role)
  const server = createServer({
    name: 'key-broker',
    logger: broker.log,
    tls: { attested, clients },
  })
  limitRates(server.app, broker)
  for (const add of attestedRoutes) {
    void server.app.register(async (scope) => add(scope, broker, workloads))
  }
  return server
}
