import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'

/** A whole deployment in one process, a database, a model measured, processes launched, or much hostile input: left out of `npm run quick`, run by `npm test`. */
const slow = [
  'services/platform/src/platform.test.ts',
  '**/trained-model.test.ts',
  'tests/src/fuzz/fuzz.test.ts',
  'tests/src/kbs.test.ts',
  '**/hostile-input.test.ts',
  '**/flat-memory.test.ts',
  'packages/enclave/src/sealed-http/*.test.ts',
  'apps/cli/src/evidence/captured.test.ts',
  'packages/enclave/src/evidence/simulated/launch.test.ts',
  'packages/enclave/src/endorsements/cached-source.test.ts',
  'packages/imaging/src/shared.test.ts',
  'packages/imaging/src/pool.test.ts',
  'services/cache-gateway/src/gateway.test.ts',
  'services/diagnostics/src/inference/inference.test.ts',
  'services/attestation-service/src/administration/*.test.ts',
  'services/attestation-service/src/bad-requests.test.ts',
  'services/attestation-service/src/conformance/*.test.ts',
  'services/attestation-service/src/exchange/stored-assertions.test.ts',
  'services/attestation-service/src/in-tee.test.ts',
  'services/attestation-service/src/keys/stored-key-ring.test.ts',
  'services/attestation-service/src/main.test.ts',
  'services/attestation-service/src/policies/stored-policies.test.ts',
  'services/attestation-service/src/replicas.test.ts',
  'services/attestation-service/src/revocation/*.test.ts',
  'services/attestation-service/src/store/*.test.ts',
  'services/attestation-service/src/tcb-update.test.ts',
  'services/platform/src/store/*.test.ts',
  'packages/enclave/src/server/run-service.test.ts',
  'packages/enclave/src/server/server.test.ts',
  'apps/cli/src/attestation/attestation.test.ts',
  'apps/cli/src/attestation-policy/attestation-policy.test.ts',
  'apps/cli/src/diagnose.test.ts',
  'apps/cli/src/endorsements.test.ts',
  'apps/cli/src/audit/audit.test.ts',
  'apps/cli/src/broker/*.test.ts',
  'apps/cli/src/model/model.test.ts',
  'packages/enclave/src/attested-tls/*.test.ts',
  'packages/enclave/src/key-release/*.test.ts',
  'packages/enclave/src/local-secret/killed-start.test.ts',
  'services/key-broker/src/*.test.ts',
  'services/key-broker/src/audit/audit.test.ts',
  'services/key-broker/src/conformance/*.test.ts',
  'services/key-broker/src/custody/{break-glass,change-custody,key-encryption,tcb-update}.test.ts',
  'services/key-broker/src/keys/rotation.test.ts',
  'services/key-broker/src/release/release.test.ts',
  'services/platform/src/{own-master-key,released-keys,replicas}.test.ts',
  'services/platform/src/peers/denied-peers.test.ts',
  'services/platform/src/orders/queue.test.ts',
]

const quick = process.env['SEALWARD_QUICK'] === '1'

export default defineConfig({
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'services/*/src/**/*.test.ts',
      'apps/*/src/**/*.test.{ts,tsx}',
      'deploy/local/src/**/*.test.ts',
      'models/src/**/*.test.ts',
      'tests/src/**/*.test.ts',
    ],
    exclude: [...configDefaults.exclude, ...(quick ? slow : [])],
    testTimeout: 20_000,
    // Left to itself, Vitest keeps one of two cores free, and starts a process for each file.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    isolate: !quick,
  },
})
