import { useMemo, useSyncExternalStore } from 'react'
import { hashOf, type Route, routeOf } from './routes.ts'

/** Where one is now. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => location.hash)
  return useMemo(() => routeOf(hash), [hash])
}

export function goTo(route: Route): void {
  location.hash = hashOf(route)
}

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}
