import type { Reference, Resource, ResourceType } from '@medplum/fhirtypes'

/**
 * Form of the ids that this service gives: a random UUID, or a model's digest. The database is asked about no other,
 * because it sees what it is asked: a clerk who takes a patient's number or name for an id must not tell it.
 */
export const idPattern: RegExp =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|model-[0-9a-f]{32})$/

/** A reference to a resource of this service. */
export function referenceTo<T extends Resource>(
  type: T['resourceType'],
  id: string,
  display?: string,
): Reference<T> {
  return {
    reference: `${type}/${id}`,
    ...(display === undefined ? {} : { display }),
  } as Reference<T>
}

/** The id in a relative reference to a resource of `type`. */
export function idIn(type: ResourceType, reference: Reference | undefined): string | undefined {
  const parts = reference?.reference?.split('/') ?? []
  const [of, id] = parts
  return parts.length === 2 && of === type && id !== undefined && idPattern.test(id)
    ? id
    : undefined
}
