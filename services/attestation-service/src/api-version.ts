/** Versions of Azure's contract that are spoken here. */
export const apiVersions = ['2020-10-01', '2022-08-01', '2025-06-01'] as const

export type ApiVersion = (typeof apiVersions)[number]

/** What the query of a request names, where it is one of them. */
export function apiVersionIn(query: unknown): ApiVersion | undefined {
  const version = (query as Readonly<Record<string, unknown>>)['api-version']
  return apiVersions.find((one) => one === version)
}
