import { parsePolicy } from '@sealward/attestation/policy'
import { createDcapMemory, createSnpMemory } from '@sealward/attestation/verification'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import { createPcsClient } from '@sealward/enclave/endorsements'
import {
  systemClock as clock,
  systemRandom as random,
  runPlainService,
} from '@sealward/enclave/server'
import { createAttestationService } from './app.ts'
import { attestationConfig, policyTextOf, rootsOf } from './config.ts'
import { ringOf } from './keys/key-ring.ts'
import { openSigningKey } from './keys/signing-key.ts'
import { limits } from './limits.ts'
import { fixedPolicy } from './policies/fixed-policy.ts'

await runPlainService(
  { name: 'attestation-service', config: attestationConfig },
  async ({ config, log }) => {
    const policy = parsePolicy(await policyTextOf(config))
    if (!policy.ok) {
      const { code, at, detail } = policy.problem
      throw new Error(`the policy is refused: ${code} at ${at}, ${detail}`)
    }
    const endorsements = createPcsClient({
      baseUrl: config.pcsUrl,
      clock,
      ...(config.kdsUrl === undefined ? {} : { kds: { baseUrl: config.kdsUrl } }),
    })
    const server = createAttestationService({
      instances: [
        {
          name: 'default',
          issuer: config.issuer,
          development: config.development,
          roots: rootsOf(config),
          keys: ringOf(
            await openSigningKey({
              folder: config.stateFolder,
              issuer: config.issuer,
              at: clock.now(),
              random,
            }),
          ),
          policies: fixedPolicy(policy.value),
        },
      ],
      endorsements,
      verification: {
        cryptography: nodeCryptography,
        memory: createDcapMemory(limits.rememberedPlatforms),
        snpMemory: createSnpMemory(limits.rememberedSnpKeysMax),
      },
      clock,
      random,
      log,
    })
    if (config.development) log.warn('development-instance')
    const { port } = await server.listen(config.port)
    return {
      ports: { http: port },
      close: async () => {
        await server.close()
        await endorsements.close()
      },
    }
  },
)
