import { useQuery } from '@tanstack/react-query'
import { usePortal } from './portal.ts'

/** Who is signed in, as the platform read it from the access token. */
export interface Me {
  readonly name: string
  readonly roles: readonly string[]
}

export function useMe(): Me | undefined {
  const { platform } = usePortal()
  const me = useQuery({
    queryKey: ['me'],
    queryFn: ({ signal }) => platform.read<Me>('/me', signal),
    staleTime: Number.POSITIVE_INFINITY,
  })
  return me.data
}

/** Whether whoever is signed in may sign reports. The platform decides; this spares a useless button. */
export function useIsRadiologist(): boolean {
  return useMe()?.roles.includes('radiologist') ?? false
}
