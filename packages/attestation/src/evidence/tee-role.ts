/** What a TEE does in a deployment. */
export type TeeRole = 'platform' | 'cache-gateway' | 'diagnostics'

export const teeRoles: readonly ['platform', 'cache-gateway', 'diagnostics'] = [
  'platform',
  'cache-gateway',
  'diagnostics',
]
