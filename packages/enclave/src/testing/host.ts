/**
 * A host for tests, as a process of its own: launches a workload, prints its process id, and waits.
 *
 * @module
 */

import { join } from 'node:path'
import { encodeInitTimeData } from '@sealward/attestation/evidence'
import { createSampleVendor } from '@sealward/attestation/sample'
import { systemClock } from '../effects/index.ts'
import { launch } from '../evidence/index.ts'
import { sampleInitTimeData } from './sample.ts'

const [, , folder = '', state = ''] = process.argv
const enclave = await launch({
  name: 'workload',
  folder,
  isvProdId: 7,
  isvSvn: 2,
  signerPublicKey: new Uint8Array(1),
  vendor: await createSampleVendor({ at: systemClock.now() }),
  initTimeData: encodeInitTimeData(sampleInitTimeData()),
  stateFolder: join(state, 'host'),
  env: { SEALWARD_CONFIG: join(state, 'config.json') },
})
process.stdout.write(`${enclave.pid}\n`)
