/**
 * What a report and its endorsement key's certificate say alike, of chip and firmware.
 *
 * @see AMD 56860, SEV Secure Nested Paging Firmware ABI Specification, TCB_VERSION; AMD 57230, section 3.1
 * @module
 */

import { equalBytes } from '../bytes/index.ts'
import type { SnpCpuid } from '../evidence/index.ts'
import type { AmdTcb } from '../x509/index.ts'
import type { SnpProduct } from './amd-roots.ts'

/** Of eight bytes; Turin has moved everything by one, and begins with the FMC. */
export function tcbOf(bytes: Uint8Array, product: SnpProduct): AmdTcb {
  const at = (index: number): number => bytes[index] ?? 0
  return product === 'turin'
    ? { fmc: at(0), bootloader: at(1), tee: at(2), snp: at(3), microcode: at(7) }
    : { fmc: undefined, bootloader: at(0), tee: at(1), snp: at(6), microcode: at(7) }
}

/** Whether a byte is used that no component of the product is in: what it means is not known here. */
export function hasUnknownComponent(bytes: Uint8Array, product: SnpProduct): boolean {
  const reserved = product === 'turin' ? bytes.subarray(4, 7) : bytes.subarray(2, 6)
  return reserved.some((byte) => byte !== 0)
}

/** The first component that is not the same in both; an FMC in one of them only is such a one. */
export function differenceOf(one: AmdTcb, other: AmdTcb): keyof AmdTcb | undefined {
  return components.find((component) => one[component] !== other[component])
}

const components = ['fmc', 'bootloader', 'tee', 'snp', 'microcode'] as const

/** Whether the name is that chip's. From Turin on, a chip is named by 8 bytes, and zeros follow in the report. */
export function isChip(hwId: Uint8Array, chipId: Uint8Array): boolean {
  return (
    equalBytes(chipId.subarray(0, hwId.length), hwId) &&
    chipId.subarray(hwId.length).every((byte) => byte === 0)
  )
}

/** Of a product line's name as authorities have it: `Milan`. */
export function productOfLine(name: string): SnpProduct | undefined {
  return lines.get(name)
}

/** Of the name in an endorsement key's certificate: the stepping may follow it, as in `Milan-B0`. */
export function productOfExtension(productName: string): SnpProduct | undefined {
  const [name = ''] = productName.split('-')
  return productOfLine(name)
}

const lines: ReadonlyMap<string, SnpProduct> = new Map([
  ['Milan', 'milan'],
  ['Genoa', 'genoa'],
  ['Turin', 'turin'],
])

/** AMD 57230, table of CPUID family and model ranges. */
export function productOfCpuid({ family, model }: SnpCpuid): SnpProduct | undefined {
  if (family === 0x1a) return model <= 0x1f ? 'turin' : undefined
  if (family !== 0x19) return undefined
  if (model <= 0x0f) return 'milan'
  return (model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf) ? 'genoa' : undefined
}
