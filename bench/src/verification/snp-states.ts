import {
  createSnpMemory,
  type SnpVerificationInput,
  verifySnpEvidence,
} from '@sealward/attestation/verification'
import type { Cryptography } from '@sealward/attestation/x509'
import { createNodeCryptography } from '@sealward/enclave/cryptography'

/** What is known of a platform before its report comes. Each verifies the report, or throws. */
export interface SnpStates {
  /** Neither certificates nor keys. */
  nothingCached(): Promise<void>
  /** The chain, and its leaf's key. */
  platformKnown(): Promise<void>
}

/** The states of one report; `cryptographyWith` may look at what is done by each `Cryptography`. */
export function snpStates(
  input: SnpVerificationInput,
  cryptographyWith: (keysMax: number) => Cryptography = createNodeCryptography,
): SnpStates {
  const memory = createSnpMemory(8)
  const known = cryptographyWith(keysMax)
  const verifyWith = async (tools: Parameters<typeof verifySnpEvidence>[1]): Promise<void> => {
    const verified = await verifySnpEvidence(input, tools)
    if (!verified.ok) throw new Error(`refused: ${verified.problem.code}`)
  }
  return {
    nothingCached: () => verifyWith({ cryptography: cryptographyWith(keysMax) }),
    platformKnown: () => verifyWith({ cryptography: known, memory }),
  }
}

const keysMax = 64
