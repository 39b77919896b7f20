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

/** Whether whoever is signed in may erase patients. The platform decides; others are not even shown that it can be done. */
export function useIsPrivacyOfficer(): boolean {
  return useMe()?.roles.includes('privacy-officer') ?? false
}

const namedRoles = ['radiologist', 'privacy-officer', 'clerk'] as const

/** The role that stands beside a name: of several, the one that may do most. */
export function roleOf({ roles }: Me): (typeof namedRoles)[number] | undefined {
  return namedRoles.find((role) => roles.includes(role))
}
