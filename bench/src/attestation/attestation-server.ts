import { parsePolicy } from '@sealward/attestation/policy'
import { createDcapMemory } from '@sealward/attestation/verification'
import { createNodeCryptography } from '@sealward/enclave/cryptography'
import { systemClock, systemRandom } from '@sealward/enclave/effects'
import { createPcsClient } from '@sealward/enclave/endorsements'
import { createLogger } from '@sealward/enclave/telemetry'
import {
  createAttestationService,
  createReplayMemory,
  fixedDenials,
  fixedPolicy,
  ringOf,
} from '../../../services/attestation-service/src/app.ts'
import {
  makeSigningKey,
  signingKeyOf,
} from '../../../services/attestation-service/src/keys/signing-key.ts'
import type { Ask, ServerOptions, Usage } from './server-messages.ts'
import { signingLimit } from './signing-limit.ts'

// One attestation service in a process of its own, so that what it costs is told from what its clients cost. Its
// parent tells it what to be, and asks what it used.
const options = JSON.parse(process.argv[2] ?? '') as ServerOptions
const issuer = 'http://127.0.0.1/attestation'
const key = await signingKeyOf(
  await makeSigningKey({
    kind: { algorithm: options.algorithm, rsaBits: 2048 },
    issuer,
    at: systemClock.now(),
    random: systemRandom,
  }),
)
const policy = parsePolicy(options.policy)
if (!policy.ok) throw new Error(policy.problem.code)
const server = createAttestationService({
  instances: [
    {
      name: 'default',
      issuer,
      development: true,
      roots: options.roots,
      attestationLifetimeSeconds: 3600,
      // What one client may ask for is not what is measured.
      limits: { requestsPerSecond: 1e6, burst: 1e6, attestBodyBytesMax: 262_144 },
      keys: ringOf(key),
      policies: fixedPolicy(policy.value),
      administration: { mode: 'shared', defaults: fixedPolicy(policy.value) },
      denials: fixedDenials(),
      assertions: createReplayMemory(1000),
    },
  ],
  endorsements: createPcsClient({ baseUrl: options.pcsUrl, clock: systemClock }),
  verification: options.remembers
    ? {
        cryptography: createNodeCryptography(1024),
        memory: createDcapMemory({ endorsementsMax: 64, platformsMax: 1024 }),
      }
    : { cryptography: createNodeCryptography(1) },
  clock: systemClock,
  random: systemRandom,
  log: createLogger('attestation-service', { level: 'silent' }),
})
const { port } = await server.listen()
process.on('message', (ask: Ask) => {
  if (ask === 'usage') process.send?.(usage())
  else if (ask === 'limit') process.send?.({ kind: 'limit', perSecond: limitFor(2000) })
})
process.send?.({ kind: 'ready', port })

function usage(): Usage {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { heapUsed, rss } = process.memoryUsage()
  return { kind: 'usage', cpuSeconds: (user + system) / 1e6, heapBytes: heapUsed, rssBytes: rss }
}

/** How often in a second of processor time this process does what cannot be left out. */
function limitFor(milliseconds: number): number {
  const work = signingLimit(options.algorithm)
  const started = process.cpuUsage()
  const until = performance.now() + milliseconds
  let runs = 0
  while (performance.now() < until) {
    work()
    runs++
  }
  const { user, system } = process.cpuUsage(started)
  return runs / ((user + system) / 1e6)
}
