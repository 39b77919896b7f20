/** What a token may be at most. */
export const tokenLimits = {
  /** Characters of a compact JWS. */
  charactersMax: 65_536,
  /** Keys of a key set that are looked at. */
  keysMax: 32,
  /** Characters of any one text claim of ours. */
  textMax: 1024,
  advisoriesMax: 64,
  /** Nested objects in a payload. */
  depthMax: 16,
  /** Seconds for which a relying party goes by a deny list, unless it says otherwise. */
  denyListAgeSeconds: 300,
  /** Values of one kind on a deny list. */
  deniedMax: 1024,
  /** Characters of a deny list. */
  denyListCharactersMax: 262_144,
  /** Names by which a machine can be denied. */
  platformsMax: 4,
  /** Workloads that act for one another in one access token. */
  actorsMax: 3,
  /** Seconds an access token may live, at most. */
  accessLifetimeSecondsMax: 300,
  /** Seconds of clock difference that a caller may ask to be tolerated, at most. */
  clockSkewSecondsMax: 300,
  /** Characters of an answer that carries a policy, with the certificates of whoever signed it. */
  administrationCharactersMax: 524_288,
} as const
