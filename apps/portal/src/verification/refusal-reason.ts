import type { Refused } from './verify-platform.ts'

/** What a refusal means to a person. Each has its own words in every language. */
export type RefusalReason = (typeof refusalReasons)[number]

export const refusalReasons = [
  'changed-software',
  'unknown-software',
  'old-software',
  'changed-configuration',
  'other-deployment',
  'other-service',
  'not-fresh',
  'key-not-bound',
  'debug',
  'simulated',
  'hardware-outdated',
  'hardware-revoked',
  'vouching-expired',
  'hardware-unproven',
  'changed-model',
  'attestation-declined',
  'token-invalid',
  'disagreement',
  'unreadable',
] as const

/** The reason behind a code. A new code does not compile until it has one. */
export const reasonOfCode: Readonly<Record<Refused['code'], RefusalReason>> = {
  measurement: 'changed-software',
  'wrong-measurement': 'changed-software',
  signer: 'unknown-software',
  'wrong-signer': 'unknown-software',
  product: 'unknown-software',
  'wrong-product': 'unknown-software',
  'svn-too-low': 'old-software',
  configuration: 'changed-configuration',
  'wrong-configuration': 'changed-configuration',
  'init-time-data-mismatch': 'changed-configuration',
  'wrong-deployment': 'other-deployment',
  'wrong-role': 'other-service',
  'nonce-mismatch': 'not-fresh',
  replayed: 'not-fresh',
  'runtime-data-mismatch': 'key-not-bound',
  'key-binding': 'key-not-bound',
  'certificate-mismatch': 'key-not-bound',
  'wrong-holder': 'key-not-bound',
  debug: 'debug',
  simulated: 'simulated',
  'tcb-status': 'hardware-outdated',
  'tcb-level-not-found': 'hardware-outdated',
  'qe-identity-mismatch': 'hardware-outdated',
  revoked: 'hardware-revoked',
  'tcb-revoked': 'hardware-revoked',
  'certificate-not-yet-valid': 'vouching-expired',
  'certificate-expired': 'vouching-expired',
  'crl-not-yet-valid': 'vouching-expired',
  'crl-expired': 'vouching-expired',
  'tcb-info-not-yet-valid': 'vouching-expired',
  'tcb-info-expired': 'vouching-expired',
  'qe-identity-not-yet-valid': 'vouching-expired',
  'qe-identity-expired': 'vouching-expired',
  chain: 'hardware-unproven',
  'root-not-trusted': 'hardware-unproven',
  'crl-signature': 'hardware-unproven',
  'tcb-info-signature': 'hardware-unproven',
  'qe-identity-signature': 'hardware-unproven',
  'qe-report-signature': 'hardware-unproven',
  'attestation-key-binding': 'hardware-unproven',
  'quote-signature': 'hardware-unproven',
  'fmspc-mismatch': 'hardware-unproven',
  'pceid-mismatch': 'hardware-unproven',
  model: 'changed-model',
  'wrong-model': 'changed-model',
  'token-missing': 'attestation-declined',
  unsecured: 'token-invalid',
  'wrong-algorithm': 'token-invalid',
  'wrong-type': 'token-invalid',
  'unknown-signer': 'token-invalid',
  'bad-signature': 'token-invalid',
  'wrong-issuer': 'token-invalid',
  'wrong-audience': 'token-invalid',
  expired: 'token-invalid',
  'not-yet-valid': 'token-invalid',
  'claim-missing': 'token-invalid',
  'token-malformed': 'token-invalid',
  'token-too-large': 'token-invalid',
  'token-policy': 'token-invalid',
  'token-disagrees': 'disagreement',
  'document-malformed': 'unreadable',
  'quote-malformed': 'unreadable',
  'endorsements-malformed': 'unreadable',
  'missing-endorsements': 'unreadable',
}

/**
 * The reason to show. Where the attestation service declined, and this browser's own verification
 * found the same evidence wrong, the browser's reason is the more precise one and is shown.
 */
export function reasonOf(refused: Refused): RefusalReason {
  const known: Readonly<Record<string, RefusalReason | undefined>> = reasonOfCode
  return known[refused.code] ?? 'unreadable'
}
