import { createAdmission } from '@sealward/enclave/attested-tls'
import { createPcsClient } from '@sealward/enclave/endorsements'
import { createDenyListKeeper, createIdentity, createSignerKeys } from '@sealward/enclave/identity'
import { systemClock as clock, systemRandom as random, runService } from '@sealward/enclave/server'
import { createDiagnostics } from './app.ts'
import { diagnosticsConfig } from './config.ts'
import { createInference } from './inference/inference.ts'
import { limits } from './limits.ts'
import { readServedModel } from './model.ts'

await runService(
  { name: 'diagnostics', config: diagnosticsConfig },
  async ({ tee, config, log }) => {
    const { deployment, role, attestation, development, peers } = tee.initTimeData
    const expectation = peers.find((peer) => peer.role === 'platform')
    if (role !== 'diagnostics' || expectation === undefined) {
      throw new Error('the init-time data is not that of a provider with a platform as its peer')
    }
    const model = readServedModel()
    const { name, version, sha256 } = model
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
    const inference = await createInference({
      ...limits,
      model: model.bytes,
      workers: config.workers,
      onLost: () => log.warn('inference-worker-lost'),
    })
    const server = createDiagnostics({
      identity: await createIdentity({
        tee,
        endorsements,
        random,
        clock,
        extras: { model: { name, version, sha256 } },
      }),
      admission: createAdmission({
        signerKeys,
        denyList,
        ...attestation,
        development,
        deployment,
        audience: `${deployment}:diagnostics`,
        purposes: ['interpretation'],
        expectation,
        clock,
      }),
      model,
      inference,
      clock,
      random,
      log,
    })
    const { port } = await server.listen(config.port)
    return {
      ports: { https: port },
      close: async () => {
        await server.close()
        await inference.close()
        await denyList.close()
        await signerKeys.close()
        await endorsements.close()
      },
    }
  },
)
