import { runService } from '@sealward/enclave/server'
import { diagnosticsConfig } from './config.ts'
import { startDiagnostics } from './start.ts'

await runService({ name: 'diagnostics', config: diagnosticsConfig }, startDiagnostics)
