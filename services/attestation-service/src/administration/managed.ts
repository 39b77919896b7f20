/**
 * What every change begins with: an instance that has an administration, and whoever asks.
 *
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { Person } from './actor.ts'
import type { ManagedAdministration } from './administration.ts'
import type { AdministrationDeps } from './administration-request.ts'
import { authorize } from './authorize.ts'
import type { ChangeDeps } from './change.ts'

/** The administration of an instance that has one. */
export function managedOf({
  instance: { administration },
}: Pick<AdministrationDeps, 'instance'>): Result<
  ManagedAdministration,
  Problem<'instance-shared'>
> {
  return administration.mode === 'shared'
    ? refuse('instance-shared', '', 'a shared instance has its default policies, for everybody')
    : ok(administration)
}

/** The contributor behind a request. In an isolated instance it may be nobody: there a signature says who asks. */
export async function personOf(
  administration: ManagedAdministration,
  authorization: string | undefined,
): Promise<Result<Person | undefined, Problem>> {
  if (administration.mode === 'entra') {
    return authorize(administration, authorization, 'contributor')
  }
  if (authorization === undefined) return ok(undefined)
  const person = await authorize(administration, authorization, 'contributor')
  return person.ok ? person : ok(undefined)
}

export function changeDepsOf(
  { instance: { issuer, name }, clock, random }: AdministrationDeps,
  administration: ManagedAdministration,
): ChangeDeps {
  return { administration, instance: { name, issuer }, clock, random }
}
