/**
 * AMD's extensions of VCEK and VLEK certificates.
 *
 * @see AMD 57230, Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification, section 3.1
 * @module
 */

import type { Problem, Result } from '../bytes/index.ts'
import { derTag, parsingDer } from '../der/index.ts'
import type { Certificate } from './certificate.ts'
import type { X509Code } from './problems.ts'

/** What an endorsement key's certificate says about chip and firmware. */
export interface AmdExtensions {
  /** `Milan-B0`, `Genoa`, `Turin`. */
  readonly productName: string
  readonly tcb: AmdTcb
  /** VCEK: which chip, 64 bytes, or 8 from Turin on. */
  readonly hwId: Uint8Array | undefined
  /** VLEK: whose key. */
  readonly cspId: string | undefined
}

/** Security patch levels. */
export interface AmdTcb {
  /** Of Turin and later; elsewhere there is none. */
  readonly fmc: number | undefined
  readonly bootloader: number
  readonly tee: number
  readonly snp: number
  readonly microcode: number
}

const prefix = '1.3.6.1.4.1.3704.1'

/** Levels of components that do not exist yet: zero. */
const reservedLevels: readonly string[] = ['3.4', '3.5', '3.6', '3.7']

/**
 * Parses AMD's extensions of a certificate.
 *
 * @returns the values, or `amd-extension-malformed`.
 */
export function parseAmdExtensions({
  extensions,
}: Pick<Certificate, 'extensions'>): Result<AmdExtensions, Problem<X509Code>> {
  const extension = (name: string): Uint8Array | undefined =>
    extensions.find(({ oid }) => oid === `${prefix}.${name}`)?.value
  // The values of several extensions are read as one: each refusal is of the same code.
  return parsingDer<AmdExtensions, X509Code>(new Uint8Array(), (reader) => {
    const refused = (name: string): never =>
      reader.fail('amd-extension-malformed', `${prefix}.${name}`)
    const patchLevel = (name: string): number => {
      const level = parsingDer(extension(name) ?? new Uint8Array(), (inner) => inner.unsigned(0xff))
      return level.ok ? level.value : refused(name)
    }
    const text = (name: string): string => {
      const found = parsingDer(extension(name) ?? new Uint8Array(), (inner) =>
        new TextDecoder().decode(inner.element(derTag.ia5String).content),
      )
      return found.ok ? found.value : refused(name)
    }
    for (const name of reservedLevels) {
      if (extension(name) !== undefined && patchLevel(name) !== 0) refused(name)
    }
    const hwId = extension('4')
    return {
      productName: text('2'),
      tcb: {
        bootloader: patchLevel('3.1'),
        tee: patchLevel('3.2'),
        snp: patchLevel('3.3'),
        microcode: patchLevel('3.8'),
        fmc: extension('3.9') === undefined ? undefined : patchLevel('3.9'),
      },
      hwId: hwId === undefined ? undefined : (hwIdOf(hwId) ?? refused('4')),
      cspId: extension('5') === undefined ? undefined : text('5'),
    }
  })
}

/**
 * A copy of the octets as they are, or inside an OCTET STRING: AMD has written both.
 *
 * @returns `undefined` for any other length: a shorter name would be the name of more than one chip.
 */
function hwIdOf(value: Uint8Array): Uint8Array | undefined {
  const wrapped = parsingDer(value, (reader) => reader.octets())
  const octets = hwIdLengths.includes(value.length) || !wrapped.ok ? value : wrapped.value
  return hwIdLengths.includes(octets.length) ? new Uint8Array(octets) : undefined
}

/** Up to Genoa, and from Turin on. */
const hwIdLengths: readonly number[] = [64, 8]
