import { databaseUrlOf } from '@sealward/enclave/config'
import {
  runPlainService,
  runService,
  type ServiceStart,
  StartRefusal,
} from '@sealward/enclave/server'
import { type BrokerConfig, brokerConfig } from './config.ts'
import { startKeyBroker } from './start.ts'

const options = { name: 'key-broker', config: brokerConfig }

function start(
  service: Omit<ServiceStart<BrokerConfig>, 'tee'> & Partial<ServiceStart<BrokerConfig>>,
) {
  const databaseUrl = databaseUrlOf(service.config, process.env)
  if (databaseUrl === undefined) {
    throw new StartRefusal({
      code: 'config-malformed',
      at: 'databaseUrl',
      detail: 'Name a PostgreSQL database: databaseUrl in the configuration, or DATABASE_URL.',
    })
  }
  return startKeyBroker({
    ...service,
    databaseUrl,
    secrets: { credentialsFolder: process.env['CREDENTIALS_DIRECTORY'] },
  })
}

await (process.env['SEALWARD_TEE'] === undefined
  ? runPlainService(options, async (service) => start(service))
  : runService(options, async (service) => start(service)))
