/**
 * Intel's extension of PCK certificates.
 *
 * @see Intel SGX PCK Certificate and Certificate Revocation List Profile Specification, section 1.3.5
 * @module
 */

import { type Bytes, bytesOf, type Problem, type Result } from '../bytes/index.ts'
import { type DerReader, derTag, parsingDer } from '../der/index.ts'
import type { X509Code } from './problems.ts'

/** What a PCK certificate says about its platform. */
export interface SgxExtension {
  readonly ppid: Bytes<16>
  /** SVN of TCB components 1 to 16. */
  readonly componentSvns: readonly number[]
  readonly pceSvn: number
  readonly cpuSvn: Bytes<16>
  readonly pceId: Bytes<2>
  readonly fmspc: Bytes<6>
  readonly sgxType: 'standard' | 'scalable' | 'scalable-with-integrity'
  readonly platformInstanceId: Bytes<16> | undefined
  /** Of platforms with more than one package. */
  readonly configuration: SgxConfiguration | undefined
}

export interface SgxConfiguration {
  readonly dynamicPlatform: boolean | undefined
  readonly cachedKeys: boolean | undefined
  readonly smtEnabled: boolean | undefined
}

/** Object identifier of the extension; all inside begin with it. */
export const sgxExtensionOid = '1.2.840.113741.1.13.1'

/** Number of TCB components. */
export const componentsCount = 16

type Reader = DerReader<X509Code>

/**
 * Parses the value of the extension. Entries that are not known are passed over; one that occurs twice is refused.
 *
 * @returns the fields, or a DER problem, or `sgx-extension-malformed`.
 */
export function parseSgxExtension(value: Uint8Array): Result<SgxExtension, Problem<X509Code>> {
  return parsingDer<SgxExtension, X509Code>(value, (top) =>
    top.inside(derTag.sequence, (list) => {
      const entries = entriesOf(list, sgxExtensionOid)
      const entry = (number: number): Uint8Array => entries.get(number) ?? missing(list)
      const optional = entries.get(6)
      const configuration = entries.get(7)
      return {
        ppid: octets(list, 16, entry(1)),
        ...tcbOf(list, entry(2)),
        pceId: octets(list, 2, entry(3)),
        fmspc: octets(list, 6, entry(4)),
        sgxType: sgxTypes[unsigned(list, 2, entry(5), derTag.enumerated)] ?? missing(list),
        platformInstanceId: optional && octets(list, 16, optional),
        configuration: configuration && configurationOf(list, configuration),
      }
    }),
  )
}

const sgxTypes = ['standard', 'scalable', 'scalable-with-integrity'] as const

function tcbOf(
  top: Reader,
  tcb: Uint8Array,
): Pick<SgxExtension, 'componentSvns' | 'pceSvn' | 'cpuSvn'> {
  const entries = accept(
    top,
    parsingDer<Entries, X509Code>(tcb, (reader) =>
      reader.inside(derTag.sequence, (list) => entriesOf(list, `${sgxExtensionOid}.2`)),
    ),
  )
  const entry = (number: number): Uint8Array => entries.get(number) ?? missing(top)
  return {
    componentSvns: Array.from({ length: componentsCount }, (_, index) =>
      unsigned(top, 0xff, entry(index + 1)),
    ),
    pceSvn: unsigned(top, 0xffff, entry(17)),
    cpuSvn: octets(top, 16, entry(18)),
  }
}

function configurationOf(top: Reader, configuration: Uint8Array): SgxConfiguration {
  const entries = accept(
    top,
    parsingDer<Entries, X509Code>(configuration, (reader) =>
      reader.inside(derTag.sequence, (list) => entriesOf(list, `${sgxExtensionOid}.7`)),
    ),
  )
  const flag = (number: number): boolean | undefined => {
    const entry = entries.get(number)
    return (
      entry &&
      accept(
        top,
        parsingDer(entry, (reader) => reader.boolean()),
      )
    )
  }
  return { dynamicPlatform: flag(1), cachedKeys: flag(2), smtEnabled: flag(3) }
}

/** DER of each value, by the last number of its name. */
type Entries = ReadonlyMap<number, Uint8Array>

/** Reads `SEQUENCE OF SEQUENCE {OBJECT IDENTIFIER, value}` from inside, names that begin with `prefix` only. */
function entriesOf(list: Reader, prefix: string): Entries {
  const entries = new Map<number, Uint8Array>()
  while (list.hasMore()) {
    list.inside(derTag.sequence, (pair) => {
      const oid = pair.objectIdentifier()
      const { whole } = pair.any()
      if (!oid.startsWith(`${prefix}.`)) return
      const number = Number(oid.slice(prefix.length + 1))
      if (entries.has(number)) pair.fail('sgx-extension-malformed', 'an entry occurs twice')
      entries.set(number, whole)
    })
  }
  return entries
}

function octets<const N extends number>(top: Reader, length: N, der: Uint8Array): Bytes<N> {
  const found = accept(
    top,
    parsingDer(der, (reader) => reader.octets()),
  )
  return bytesOf(length, found) ?? top.fail('sgx-extension-malformed', 'of another length')
}

function unsigned(top: Reader, max: number, der: Uint8Array, tag?: number): number {
  return accept(
    top,
    parsingDer(der, (reader) => reader.unsigned(max, tag)),
  )
}

function accept<T>(top: Reader, result: Result<T, Problem<X509Code>>): T {
  return result.ok ? result.value : top.fail(result.problem.code, result.problem.detail)
}

function missing(top: Reader): never {
  return top.fail('sgx-extension-malformed', 'an entry is missing')
}
