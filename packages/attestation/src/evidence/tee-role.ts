/** What a TEE does in a deployment. */
export type TeeRole = 'platform' | 'cache-gateway' | 'diagnostics' | 'attestation-service'

export const teeRoles: readonly [
  'platform',
  'cache-gateway',
  'diagnostics',
  'attestation-service',
] = ['platform', 'cache-gateway', 'diagnostics', 'attestation-service']
