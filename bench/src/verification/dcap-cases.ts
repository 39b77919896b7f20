import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Endorsements } from '@sealward/attestation/endorsements'
import { createSampleVendor } from '@sealward/attestation/sample'
import { type DcapVerificationInput, intelSgxRootSpki } from '@sealward/attestation/verification'
import { vectors } from './vectors.ts'

/** A quote and all that is needed to verify it. */
export interface DcapCase {
  /** Where the quote is from, for whoever reads the results. */
  readonly evidence: string
  readonly input: DcapVerificationInput
  /** Made by hardware: its root is one that the peers know. */
  readonly isReal: boolean
}

/** A captured SGX quote, or a sample where the captured ones are not. */
export async function sgxCase(): Promise<DcapCase> {
  return capturedCase('sgx/dcap-qvl-sample') ?? (await sampleCase())
}

/** A captured TDX quote; there is no sample of one. */
export function tdxCase(): DcapCase | undefined {
  return capturedCase('tdx/dcap-qvl-v4-uptodate')
}

function capturedCase(name: string): DcapCase | undefined {
  const folder = join(vectors, name)
  if (!existsSync(folder)) return undefined
  const json = (file: string): Readonly<Record<string, unknown>> =>
    JSON.parse(readFileSync(join(folder, file), 'utf8')) as Record<string, unknown>
  return {
    evidence: `real hardware (${name})`,
    input: {
      quote: new Uint8Array(readFileSync(join(folder, 'quote.bin'))),
      endorsements: json('collateral.json') as unknown as Endorsements,
      roots: [intelSgxRootSpki.sha256],
      at: Number(json('expect.json')['verification_time']),
    },
    isReal: true,
  }
}

async function sampleCase(): Promise<DcapCase> {
  const at = 1_790_000_000
  const vendor = await createSampleVendor({ at })
  const quote = await vendor.quote({
    mrEnclave: new Uint8Array(32),
    mrSigner: new Uint8Array(32),
    isvProdId: 1,
    isvSvn: 1,
    debug: false,
    reportData: new Uint8Array(64),
  })
  return {
    evidence: 'sample vendor',
    input: {
      quote,
      endorsements: await vendor.endorsements({ at, lifetimeSeconds: 86_400 }),
      roots: [vendor.rootSpkiSha256],
      at: at + 60,
    },
    isReal: false,
  }
}
