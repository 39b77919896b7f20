import type { PolicyConfiguration } from '@sealward/attestation/policy'
import type { TcbBaseline } from '@sealward/enclave/endorsements'

/** The baseline that a policy asks for; the one in force, where it asks for none. */
export function baselineOf({ tcbIdentifier }: PolicyConfiguration): TcbBaseline {
  return tcbIdentifier === 'azuredefault' ? 'standard' : tcbIdentifier
}
