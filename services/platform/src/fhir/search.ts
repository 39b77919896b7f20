import type { Bundle, Resource } from '@medplum/fhirtypes'

/** Resources as the answer to a search. */
export function searchset<T extends Resource>(
  resources: readonly (T & { readonly id: string })[],
): Bundle<T> {
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    total: resources.length,
    ...(resources.length === 0
      ? {}
      : {
          entry: resources.map((resource) => ({
            fullUrl: `urn:uuid:${resource.id}`,
            resource,
            search: { mode: 'match' },
          })),
        }),
  }
}
