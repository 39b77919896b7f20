/** Versions of Key Vault's contract that are spoken here. */
export const apiVersions = ['7.0', '7.1', '7.2', '7.3', '7.4', '7.5', '7.6', '2025-07-01'] as const

export type ApiVersion = (typeof apiVersions)[number]

/** What the query of a request names, where it is one of them. Released clients write the name as `api%2Dversion`. */
export function apiVersionIn(query: unknown): ApiVersion | undefined {
  const version = (query as Readonly<Record<string, unknown>>)['api-version']
  return apiVersions.find((one) => one === version)
}
