import { QueryClient } from '@tanstack/react-query'
import { PlatformError } from '../sealed-channel/platform.ts'

const retriesMax = 2

/** What is worth asking again: a service that was away for a moment. */
function isPassing(error: Error): boolean {
  return (
    error instanceof PlatformError &&
    (error.problem.code === 'unavailable' || error.problem.status === 503)
  )
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        networkMode: 'always',
        // Every read is written down in the record's audit: none is made that nobody asked for.
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        retry: (failures, error) => failures < retriesMax && isPassing(error),
      },
      mutations: { networkMode: 'always', retry: false },
    },
  })
}
