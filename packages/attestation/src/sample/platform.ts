/**
 * The one platform that the sample vendor has built: numbers of the kind that Intel's platforms have.
 *
 * @module
 */

import { type Bytes, bytesOfHex, sha256, utf8Of } from '../bytes/index.ts'

/** SVN of TCB components 1 to 16. */
export const sampleComponentSvns: readonly number[] = [
  7, 9, 3, 3, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]

export const samplePceSvn = 13

export const sampleQeIsvSvn = 8

export const sampleQeIsvProdId = 1

/** Hex, upper case, as Intel's documents have it. No platform of Intel's is called so. */
export const sampleFmspc = '5EA1AD000001'

/** Hex. */
export const samplePceId = '0000'

export const sampleCpuSvn: Uint8Array = Uint8Array.from(sampleComponentSvns)

/** MRENCLAVE and MRSIGNER of the sample quoting enclave, which exists in name only. */
export async function sampleQeMeasurements(): Promise<{
  readonly mrEnclave: Bytes<32>
  readonly mrSigner: Bytes<32>
}> {
  return {
    mrEnclave: await sha256(utf8Of('Sealward Sample Quoting Enclave')),
    mrSigner: await sha256(utf8Of('Sealward Sample Quoting Enclave Signer')),
  }
}

/** Bytes of hex that this folder wrote itself. */
export function knownHex(text: string): Uint8Array {
  const bytes = bytesOfHex(text)
  if (bytes === undefined) throw new Error('sample: not hex')
  return bytes
}
