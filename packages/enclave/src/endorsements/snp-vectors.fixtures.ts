/**
 * Captured reports of real chips, which are not part of this repository: see `shared-vectors.fixtures.ts` of the
 * attestation package.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const folder = join(
  process.env['SEALWARD_SHARED'] ?? resolve(import.meta.dirname, '../../../../../shared'),
  'vectors',
  'snp',
)

export interface SnpVector {
  readonly name: string
  readonly product: 'Milan' | 'Genoa' | 'Turin'
  readonly expected: SnpVectorExpectation
  readonly report: Uint8Array
  readonly vcek: Uint8Array | undefined
  readonly intermediate: Uint8Array | undefined
  readonly root: Uint8Array | undefined
}

interface SnpVectorExpectation {
  readonly parsed: { readonly signing_key: string; readonly chip_id: string }
  readonly check?: {
    readonly ek_extensions?: {
      readonly hwID?: string
      readonly blSPL: number
      readonly teeSPL: number
      readonly snpSPL: number
      readonly ucodeSPL: number
      readonly fmcSPL?: number
    }
  }
}

/** Empty where there are none. */
export function readSnpVectors(): readonly SnpVector[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).map((name) => {
    const file = (fileName: string): Uint8Array | undefined => {
      const path = join(folder, name, fileName)
      return existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined
    }
    const expected = JSON.parse(readFileSync(join(folder, name, 'expect.json'), 'utf8'))
    return {
      name,
      product: expected.product,
      expected,
      report: file('report.bin') ?? new Uint8Array(),
      vcek: file('vcek.der'),
      intermediate: file('ask.der') ?? file('asvk.der'),
      root: file('ark.der'),
    }
  })
}
