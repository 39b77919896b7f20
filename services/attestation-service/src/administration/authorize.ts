import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { Person } from './actor.ts'
import type { AdministratorRole, ManagedAdministration } from './administration.ts'

/** Any of the roles may read. */
export type Need = AdministratorRole

/**
 * The person behind a request, who must have a role.
 *
 * @param need - the role; `reader` is had by whoever has any.
 * @returns who it is, or `token-*`, `role-missing`, `role-insufficient`, `identity-provider-unavailable`;
 *   `administration-unread` where no identity provider names anybody.
 */
export async function authorize(
  { people }: ManagedAdministration,
  authorization: string | undefined,
  need: Need,
): Promise<Result<Person, Problem>> {
  if (people === undefined) {
    return refuse(
      'administration-unread',
      'authorization',
      'this instance knows no identity provider: it takes signatures, and nobody may read it',
    )
  }
  const bearer = await people.verify(authorization)
  if (!bearer.ok) return bearer
  const { roles, subject } = bearer.value
  return need === 'reader' || roles.includes(need)
    ? ok({ kind: 'person', issuer: people.issuer, subject })
    : refuse('role-insufficient', 'roles', `this is for the role ${need}`)
}
