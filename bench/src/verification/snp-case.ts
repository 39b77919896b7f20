import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { amdRootSpkis, type SnpVerificationInput } from '@sealward/attestation/verification'
import { amdWorld } from '../../../packages/attestation/src/verification/amd-world.fixtures.ts'
import { vectors } from './vectors.ts'

/** A report and all that is needed to verify it. */
export interface SnpCase {
  /** Where the report is from, for whoever reads the results. */
  readonly evidence: string
  readonly input: SnpVerificationInput
}

/** A captured report of Milan under its VCEK, or a sample where the captured ones are not. */
export async function snpCase(): Promise<SnpCase> {
  const folder = join(vectors, 'snp/ms-milan')
  if (!existsSync(folder)) {
    const world = await amdWorld('Milan')
    return { evidence: 'sample vendor (RSA keys of 2048 bits)', input: await world.input() }
  }
  const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)))
  const expected = JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8')) as {
    readonly verification_time: number
  }
  return {
    evidence: 'real hardware (snp/ms-milan, VCEK)',
    input: {
      report: file('report.bin'),
      certificates: [file('vcek.der'), file('ask.der'), file('ark.der')],
      crls: [],
      revocation: { unchecked: 'the captured report comes without a list' },
      roots: Object.values(amdRootSpkis),
      at: expected.verification_time,
    },
  }
}
