import {
  createDcapMemory,
  type DcapMemory,
  type DcapVerificationInput,
  verifyDcapEvidence,
} from '@sealward/attestation/verification'
import type { Cryptography } from '@sealward/attestation/x509'
import { createNodeCryptography } from '@sealward/enclave/cryptography'

/** What is known of a platform before its quote comes. Each verifies the quote and returns its TCB status. */
export interface DcapStates {
  /** Neither endorsements nor keys. */
  nothingCached(): Promise<string>
  /** Endorsements; neither the platform nor any key. */
  platformNew(): Promise<string>
  /** Endorsements, the platform, its attestation key. */
  platformKnown(): Promise<string>
}

/** The states of one quote; `cryptographyWith` may look at what is done by each `Cryptography`. */
export function dcapStates(
  input: DcapVerificationInput,
  cryptographyWith: (keysMax: number) => Cryptography = createNodeCryptography,
): DcapStates {
  const memory = createDcapMemory({ endorsementsMax: 8, platformsMax: 8 })
  const platformNeverFound: DcapMemory = {
    endorsements: memory.endorsements,
    platform: (_name, _endorsements, verify) => verify(),
  }
  const known = cryptographyWith(keysMax)
  const statusWith = async (cryptography: Cryptography, kept?: DcapMemory): Promise<string> => {
    const tools = kept === undefined ? { cryptography } : { cryptography, memory: kept }
    const verified = await verifyDcapEvidence(input, tools)
    if (!verified.ok) throw new Error(`refused: ${verified.problem.code}`)
    return verified.value.tcbStatus
  }
  return {
    nothingCached: () => statusWith(cryptographyWith(keysMax)),
    platformNew: () => statusWith(cryptographyWith(keysMax), platformNeverFound),
    platformKnown: () => statusWith(known, memory),
  }
}

const keysMax = 64
