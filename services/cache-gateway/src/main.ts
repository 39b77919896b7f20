import { createAdmission, createAttestedTls } from '@sealward/enclave/attested-tls'
import { createPcsClient } from '@sealward/enclave/endorsements'
import {
  createDenyListKeeper,
  createIdentity,
  createSignerKeys,
  keepTlsNew,
} from '@sealward/enclave/identity'
import { systemClock as clock, systemRandom as random, runService } from '@sealward/enclave/server'
import { gatewayConfig } from './config.ts'
import { createGateway, createInProcessStore, createRedisStore } from './gateway.ts'
import { limits } from './limits.ts'

await runService({ name: 'cache-gateway', config: gatewayConfig }, async ({ tee, config, log }) => {
  const { deployment, role, attestation, development, peers } = tee.initTimeData
  const expectation = peers.find((peer) => peer.role === 'platform')
  if (role !== 'cache-gateway' || expectation === undefined) {
    throw new Error('the init-time data is not that of a cache gateway with a platform as its peer')
  }
  const endorsements = createPcsClient({ baseUrl: config.pcsUrl, clock })
  const url = config.attestationUrl ?? attestation.issuer
  const signerKeys = createSignerKeys({ url, clock })
  const denyList = createDenyListKeeper({
    url,
    ...attestation,
    signerKeys,
    clock,
    onProblem: ({ code }) => log.warn('deny-list-not-renewed', { code }),
  })
  const identity = await createIdentity({ tee, endorsements, random, clock })
  const certificate = keepTlsNew({ identity, endorsements, clock, log })
  const { initTimeData } = tee
  const trust = { initTimeData, attestationUrl: url, signerKeys, denyList, clock, random }
  const gateway = await createGateway({
    attested: createAttestedTls({ identity, trust, endorsements }),
    admission: createAdmission({
      signerKeys,
      denyList,
      ...attestation,
      development,
      deployment,
      audience: `${deployment}:cache-gateway`,
      purposes: ['cache'],
      expectation,
      clock,
    }),
    store:
      config.redisUrl === undefined
        ? createInProcessStore({ bytesMax: limits.inProcessBytesMax })
        : createRedisStore({ url: config.redisUrl, deployment, patienceMs: limits.storeMsMax }),
    clock,
    log,
    port: config.port,
  })
  return {
    ports: { resp: gateway.port },
    close: async () => {
      certificate.close()
      await gateway.close()
      await denyList.close()
      await signerKeys.close()
      await endorsements.close()
    },
  }
})
