import { runService } from '@sealward/enclave/server'
import { platformConfig } from './config.ts'
import { startPlatform } from './start.ts'

await runService({ name: 'platform', config: platformConfig }, startPlatform)
