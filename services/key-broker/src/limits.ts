export const limits = {
  /** Bytes of a request to the keys API; a backup of a key with many versions is the largest. */
  bodyBytesMax: 1_048_576,
  /** Nested objects in such a request. */
  bodyDepthMax: 12,
  /** Clients whose requests are counted apart. */
  clientsMax: 50_000,
  authoritiesMax: 16,
  trustedProxiesMax: 64,
  /** Days for which a deleted key can be recovered. */
  recoverableDays: 90,
} as const
