import type { Problem, Result } from '@sealward/attestation/bytes'
import type { Bearer, BearerCode } from '@sealward/enclave/identity-provider'
import type { PolicyReader } from '../policies/policy-reader.ts'
import type { PolicyStateStore } from './policy-state.ts'

/** What somebody whom the identity provider names may do. Each may read. */
export type AdministratorRole = 'reader' | 'contributor' | 'approver'

export const administratorRoles: readonly AdministratorRole[] = [
  'reader',
  'contributor',
  'approver',
]

/** The people of an instance: its identity provider, asked about one request. */
export interface People {
  readonly issuer: string
  verify(
    authorization: string | undefined,
  ): Promise<Result<Bearer<AdministratorRole>, Problem<BearerCode>>>
}

/** Who may change the policies of an instance, and where they are. */
export type Administration = SharedAdministration | ManagedAdministration

/** Nobody: everything is appraised under the defaults, which everybody may read. */
export interface SharedAdministration {
  readonly mode: 'shared'
  readonly defaults: PolicyReader
}

export interface ManagedAdministration {
  /** `entra`: whoever has the role. `isolated`: whoever has the key of a registered signer. */
  readonly mode: 'entra' | 'isolated'
  /** What an unset policy is appraised under. */
  readonly defaults: PolicyReader
  readonly store: PolicyStateStore
  /** Always there in mode `entra`; without it, an isolated instance takes signatures and is read by nobody. */
  readonly people: People | undefined
  /** How long a change waits for a second person; `undefined`: it waits for nobody. */
  readonly approvalSeconds: number | undefined
}
