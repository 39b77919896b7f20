import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type SecureContextOptions } from 'node:tls'
import { createSampleVendor } from '@sealward/attestation/sample'
import { connectAttested, listenAttested } from '@sealward/enclave/attested-tls'
import { systemClock as clock, systemRandom as random } from '@sealward/enclave/effects'
import { createTlsIdentity } from '../../../packages/enclave/src/identity/tls-identity.ts'
import { startAttestationService } from '../../../packages/enclave/src/testing/attestation-service.ts'
import { createTestWorkload } from '../../../packages/enclave/src/testing/attested.ts'
import { inRounds, type Rounds } from '../rounds.ts'

/** Connections made and closed in a second, one after the other; both ends in one process. */
export interface HandshakeFigures {
  /** TLS 1.3, certificates on both sides, no evidence. */
  readonly plainMutual: Rounds
  /** Evidence in both certificates, verified before and remembered; both ends prove the session. */
  readonly attested: Rounds
  /** How many times as long the attested one takes. */
  readonly times: number
}

export async function measureHandshakes(): Promise<HandshakeFigures> {
  const vendor = await createSampleVendor({ at: clock.now() })
  const service = await startAttestationService(vendor, clock)
  const common = { vendor, service, clock }
  const platform = await createTestWorkload({ ...common, role: 'platform', peers: ['diagnostics'] })
  const provider = await createTestWorkload({ ...common, role: 'diagnostics', peers: ['platform'] })
  const listener = await listenAttested({
    attested: provider.attested,
    clients: ['platform'],
    onConnection: (socket) => socket.end('.'),
  })
  const plain = await startPlain()
  try {
    const figures = await inRounds({
      plainMutual: plain.meet,
      attested: async () => {
        const to = { host: '127.0.0.1', port: listener.port, role: 'diagnostics' as const }
        const connection = await connectAttested(platform.attested, to)
        if (!connection.ok) throw new Error(connection.problem.code)
        connection.value.socket.resume()
        await once(connection.value.socket, 'close')
      },
    })
    const times = figures.plainMutual.median / figures.attested.median
    return { ...figures, times: Number(times.toPrecision(3)) }
  } finally {
    plain.stop()
    await listener.close(0)
    for (const each of [platform, provider, service]) await each.close()
  }
}

async function startPlain(): Promise<{ readonly meet: () => Promise<void>; stop(): void }> {
  const options = (): SecureContextOptions => {
    const own = createTlsIdentity({ commonName: 'localhost', at: clock.now(), random })
    return {
      key: own.privateKeyPem,
      cert: own.certificatePem,
      minVersion: 'TLSv1.3',
    }
  }
  const server = createServer(
    { ...options(), requestCert: true, rejectUnauthorized: false },
    (socket) => {
      socket.on('error', () => socket.destroy())
      socket.end('.')
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = options()
  return {
    meet: async () => {
      const socket = connect({ ...client, rejectUnauthorized: false, host: '127.0.0.1', port })
      socket.resume()
      await once(socket, 'close')
    },
    stop: () => server.close(),
  }
}
