import { hkdfSync } from 'node:crypto'
import { bytesOfHex, concat, equalBytes, utf8Of } from '@sealward/attestation/bytes'
import type { SealingPolicy, SecurityVersion } from '../tee.ts'

/** What a sealing key depends on, as EGETKEY has it. */
export interface SealingKeyInput {
  /** 32 bytes that never leave the host: what is fused into a CPU. */
  readonly hostSecret: Uint8Array
  readonly policy: SealingPolicy
  /** 32 bytes each. */
  readonly mrEnclave: Uint8Array
  readonly mrSigner: Uint8Array
  readonly isvProdId: number
  /** An enclave whose memory can be read gets other keys than one whose memory cannot. */
  readonly debug: boolean
  /** 16 bytes: the security version of the processor. Every update of it gives another key. */
  readonly cpuSvn: Uint8Array
  /** 16 bits: the security version of the code. Code of a lower one gets no key of a higher one. */
  readonly isvSvn: number
}

/**
 * The sealing key of one enclave on one host, 32 bytes.
 *
 * @see docs/spec/simulated-tee.md
 */
export function sealingKeyOf(input: SealingKeyInput): Uint8Array {
  const info = concat(
    utf8Of(`sealward simulated sealing key 3 ${input.policy} `),
    input.policy === 'mrsigner' ? input.mrSigner : input.mrEnclave,
    uint16(input.isvProdId),
    Uint8Array.of(input.debug ? 1 : 0),
    input.cpuSvn,
    uint16(input.isvSvn),
  )
  return new Uint8Array(hkdfSync('sha256', input.hostSecret, new Uint8Array(0), info, 32))
}

function uint16(value: number): Uint8Array {
  const bytes = new Uint8Array(2)
  new DataView(bytes.buffer).setUint16(0, value)
  return bytes
}

/** An enclave on a host, as far as sealing keys go. */
export interface SealingHost extends Omit<SealingKeyInput, 'policy'> {
  /** Whether it gives keys of older security versions, as a processor does and Gramine does not. */
  readonly olderSealingKeys: boolean
}

/**
 * What a host answers who asks for a sealing key.
 *
 * @param asked - the current security versions unless said.
 * @returns no bytes for one that it does not give.
 */
export function sealingKeyAt(
  host: SealingHost,
  policy: SealingPolicy,
  asked: SecurityVersion | undefined,
): Uint8Array {
  if (asked === undefined) return sealingKeyOf({ ...host, policy })
  const { isvSvn } = asked
  const cpuSvn = bytesOfHex(asked.cpuSvn) ?? new Uint8Array()
  const isCurrent = equalBytes(cpuSvn, host.cpuSvn) && isvSvn === host.isvSvn
  const isGiven =
    isCurrent ||
    (host.olderSealingKeys && isReached(cpuSvn, host.cpuSvn) && isSvnReached(isvSvn, host.isvSvn))
  return isGiven ? sealingKeyOf({ ...host, policy, cpuSvn, isvSvn }) : new Uint8Array()
}

/** A processor derives what one could whose security version was older in every component, or the same. */
function isReached(asked: Uint8Array, current: Uint8Array): boolean {
  return (
    asked.length === current.length && asked.every((svn, index) => svn <= (current[index] ?? 0))
  )
}

/** And for code what code could of a lower version, or the same. */
function isSvnReached(asked: number, current: number): boolean {
  return Number.isInteger(asked) && asked >= 0 && asked <= current
}
