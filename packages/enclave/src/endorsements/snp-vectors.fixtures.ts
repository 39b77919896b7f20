import { readCapturedVectors } from '../../../attestation/src/verification/shared-vectors.fixtures.ts'

/** A captured report of a real chip. */
export interface SnpVector {
  readonly name: string
  readonly product: 'Milan' | 'Genoa' | 'Turin'
  readonly signingKey: string
  /** What the chip's own certificate says; `undefined` where there is none. */
  readonly certified: CertifiedChip | undefined
  readonly report: Uint8Array
  readonly vcek: Uint8Array | undefined
  readonly intermediate: Uint8Array | undefined
  readonly root: Uint8Array | undefined
}

interface CertifiedChip {
  readonly hwID?: string
  readonly blSPL: number
  readonly teeSPL: number
  readonly snpSPL: number
  readonly ucodeSPL: number
  readonly fmcSPL?: number
}

/** Empty where there are none. */
export function readSnpVectors(): readonly SnpVector[] {
  return readCapturedVectors('snp').map(({ name, file }) => {
    const expected = JSON.parse(new TextDecoder().decode(file('expect.json')))
    return {
      name,
      product: expected.product,
      signingKey: expected.parsed.signing_key,
      certified: expected.check?.ek_extensions,
      report: file('report.bin') ?? new Uint8Array(),
      vcek: file('vcek.der'),
      intermediate: file('ask.der') ?? file('asvk.der'),
      root: file('ark.der'),
    }
  })
}
