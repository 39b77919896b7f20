/** What a TEE does in a deployment. */
export type TeeRole =
  | 'platform'
  | 'cache-gateway'
  | 'diagnostics'
  | 'attestation-service'
  | 'key-broker'

export const teeRoles: readonly [
  'platform',
  'cache-gateway',
  'diagnostics',
  'attestation-service',
  'key-broker',
] = ['platform', 'cache-gateway', 'diagnostics', 'attestation-service', 'key-broker']
