import type { Reference, Resource, ResourceType } from '@medplum/fhirtypes'

/** Form of a logical id. @see FHIR R4, 2.24.0.1 id */
export const idPattern: RegExp = /^[A-Za-z0-9.-]{1,64}$/

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
