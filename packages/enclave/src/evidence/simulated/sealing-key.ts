import { hkdfSync } from 'node:crypto'
import { concat, utf8Of } from '@sealward/attestation/bytes'
import type { SealingPolicy } from '../tee.ts'

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
}

/**
 * The sealing key of one enclave on one host, 32 bytes.
 *
 * @see docs/spec/simulated-tee.md
 */
export function sealingKeyOf(input: SealingKeyInput): Uint8Array {
  const product = new Uint8Array(2)
  new DataView(product.buffer).setUint16(0, input.isvProdId)
  const info = concat(
    utf8Of(`sealward simulated sealing key 1 ${input.policy} `),
    input.policy === 'mrsigner' ? input.mrSigner : input.mrEnclave,
    product,
    Uint8Array.of(input.debug ? 1 : 0),
  )
  return new Uint8Array(hkdfSync('sha256', input.hostSecret, new Uint8Array(0), info, 32))
}
