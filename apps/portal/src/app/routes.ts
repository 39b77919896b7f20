/**
 * Where one is in the portal. Routes live behind the `#` of the address, which a browser never
 * sends: no server outside a TEE learns which record is looked at, not even by a reload.
 *
 * @module
 */

export type Route =
  /** Where whoever has just signed in begins: it depends on what they do. */
  | { readonly page: 'home' }
  | { readonly page: 'patients' }
  | { readonly page: 'register' }
  | { readonly page: 'patient'; readonly patient: string }
  | { readonly page: 'report'; readonly report: string }
  | { readonly page: 'worklist' }

/** FHIR's `id`: what may stand in a route, since it goes into the path of a request. */
const id = /^[A-Za-z0-9\-.]{1,64}$/

/** Reads the part of an address after `#`. Whatever is not a route is the first page. */
export function routeOf(hash: string): Route {
  const [page, first] = hash.replace(/^#?\/?/, '').split('/')
  const known = first !== undefined && id.test(first) ? first : undefined
  if (page === 'patients' && first === 'new') return { page: 'register' }
  if (page === 'patients' && known !== undefined) return { page: 'patient', patient: known }
  if (page === 'reports' && known !== undefined) return { page: 'report', report: known }
  if (page === 'worklist') return { page: 'worklist' }
  if (page === 'patients') return { page: 'patients' }
  return { page: 'home' }
}

export function hashOf(route: Route): string {
  switch (route.page) {
    case 'home':
      return '#/'
    case 'patients':
      return '#/patients'
    case 'register':
      return '#/patients/new'
    case 'patient':
      return `#/patients/${route.patient}`
    case 'report':
      return `#/reports/${route.report}`
    case 'worklist':
      return '#/worklist'
  }
}
