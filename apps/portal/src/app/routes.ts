/**
 * Where one is in the portal. Routes live behind the `#` of the address, which a browser never
 * sends: no server outside a TEE learns which record is looked at, not even by a reload.
 *
 * @module
 */

export type Route =
  | { readonly page: 'patients' }
  | { readonly page: 'register' }
  | { readonly page: 'patient'; readonly patient: string }
  | { readonly page: 'film'; readonly patient: string }
  | { readonly page: 'report'; readonly report: string }
  | { readonly page: 'worklist' }

/** FHIR's `id`: what may stand in a route, since it goes into the path of a request. */
const id = /^[A-Za-z0-9\-.]{1,64}$/

/** Reads the part of an address after `#`. Whatever is not a route is the first page. */
export function routeOf(hash: string): Route {
  const [page, first, second] = hash.replace(/^#?\/?/, '').split('/')
  const known = first !== undefined && id.test(first) ? first : undefined
  if (page === 'patients' && first === 'new') return { page: 'register' }
  if (page === 'patients' && known !== undefined && second === 'film')
    return { page: 'film', patient: known }
  if (page === 'patients' && known !== undefined) return { page: 'patient', patient: known }
  if (page === 'reports' && known !== undefined) return { page: 'report', report: known }
  if (page === 'worklist') return { page: 'worklist' }
  return { page: 'patients' }
}

export function hashOf(route: Route): string {
  switch (route.page) {
    case 'patients':
      return '#/patients'
    case 'register':
      return '#/patients/new'
    case 'patient':
      return `#/patients/${route.patient}`
    case 'film':
      return `#/patients/${route.patient}/film`
    case 'report':
      return `#/reports/${route.report}`
    case 'worklist':
      return '#/worklist'
  }
}
