export const limits = {
  /** Bytes of a request to `/attest/…`. */
  attestBodyBytesMax: 262_144,
  /** Nested objects in such a request. */
  bodyDepthMax: 8,
  /** Characters of a quote, base64url: 16 KiB of bytes. */
  quoteCharactersMax: 21_846,
  /** Characters of runtime data or of init-time data, base64url: 32 KiB of bytes each. */
  boundDataCharactersMax: 43_691,
  nonceCharactersMax: 1024,
  /** Platform families, and platforms of one, whose verification is remembered: about 20 MB at most. */
  rememberedPlatforms: { endorsementsMax: 64, platformsMax: 1024 },
  /** Bytes of a request to `/token`. */
  tokenBodyBytesMax: 65_536,
  parametersMax: 16,
  purposeCharactersMax: 64,
  /** Characters of a client assertion. */
  assertionCharactersMax: 4096,
  assertionIdCharactersMax: 128,
  /** Client assertions that are remembered; more in a minute are refused, not forgotten. */
  assertionsMax: 100_000,
  /** Seconds from a client assertion's `iat` to its `exp`. */
  assertionLifetimeSecondsMax: 60,
  /** Seconds by which an attester's clock may differ. */
  clockSkewSeconds: 30,
  attestationLifetimeSeconds: 3600,
  accessLifetimeSeconds: 300,
} as const
