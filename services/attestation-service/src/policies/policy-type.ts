import { type AttestationType, attestationTypes } from '@sealward/attestation/policy'

/** Types that have a policy. Evidence of the last two is not appraised here; their policies are kept as Azure keeps them. */
export const policyTypes: readonly PolicyType[] = [...attestationTypes, 'Tpm', 'AzureGuest']

export type PolicyType = AttestationType | 'Tpm' | 'AzureGuest'

/** What a path names, where it is one of them. */
export function policyTypeOf(text: string): PolicyType | undefined {
  return policyTypes.find((one) => one === text)
}
