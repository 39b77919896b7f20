import { QueryCache, QueryClient } from '@tanstack/react-query'
import { isGone, PlatformError } from '../sealed-channel/platform.ts'

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
    queryCache: new QueryCache({
      // What was read of a record before it was erased is not shown any more, and not kept.
      onError: (error, query) => {
        if (isGone(error)) query.setState({ data: undefined })
      },
    }),
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
