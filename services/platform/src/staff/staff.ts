import type { Bearer } from '@sealward/enclave/identity-provider'

/** What a member of staff may do. */
export type Role = 'clerk' | 'radiologist' | 'privacy-officer'

export const roles: readonly Role[] = ['clerk', 'radiologist', 'privacy-officer']

/** Whoever stands behind a request, as the hospital's identity provider says. */
export type Staff = Bearer<Role>
