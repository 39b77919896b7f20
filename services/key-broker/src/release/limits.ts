export const limits = {
  /** Bytes of a release policy. */
  policyBytesMax: 16_384,
  /** Nested objects and lists in its JSON. */
  policyDepthMax: 24,
  authoritiesMax: 16,
  /** Conditions of a policy, those that hold others included. */
  conditionsMax: 128,
  /** Conditions that stand inside each other. */
  conditionDepthMax: 8,
  claimCharactersMax: 128,
  valueCharactersMax: 256,
  authorityCharactersMax: 512,
  /** Versions of one policy that are remembered. */
  policyVersionsMax: 64,
  nonceCharactersMax: 1024,
  /** Keys of `x-ms-runtime` that are looked at. */
  runtimeKeysMax: 16,
  /** Bits of an RSA key that is released to. */
  rsaBitsMin: 2048,
  rsaBitsMax: 8192,
} as const
