import { databaseUrlOf } from '@sealward/enclave/config'
import {
  runPlainService,
  runService,
  type ServiceStart,
  StartRefusal,
} from '@sealward/enclave/server'
import { type AttestationConfig, attestationConfig } from './config.ts'
import { startAttestationService } from './start.ts'

const options = { name: 'attestation-service', config: attestationConfig }

function start(
  service: Omit<ServiceStart<AttestationConfig>, 'tee'> & Partial<ServiceStart<AttestationConfig>>,
) {
  const databaseUrl = databaseUrlOf(service.config, process.env)
  if (databaseUrl === undefined) {
    throw new StartRefusal({
      code: 'config-malformed',
      at: 'databaseUrl',
      detail: 'Name a PostgreSQL database: databaseUrl in the configuration, or DATABASE_URL.',
    })
  }
  return startAttestationService({ ...service, databaseUrl })
}

await (process.env['SEALWARD_TEE'] === undefined
  ? runPlainService(options, async (service) => start(service))
  : runService(options, async (service) => start(service)))
