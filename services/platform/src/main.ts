import { existsSync } from 'node:fs'
import { runService } from '@sealward/enclave/server'
import { platformConfig } from './config.ts'
import { startPlatform } from './start.ts'

// Built, the worker lies beside this file; from source, the imaging package knows where its own is.
const besides = new URL('./imaging-worker.js', import.meta.url)

await runService({ name: 'platform', config: platformConfig }, (service) =>
  startPlatform({ ...service, ...(existsSync(besides) ? { imagingWorkerUrl: besides } : {}) }),
)
