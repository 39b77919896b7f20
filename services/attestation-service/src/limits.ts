export const limits = {
  /** Bytes of a request to `/attest/…`. */
  attestBodyBytesMax: 262_144,
  /** Nested objects in such a request. */
  bodyDepthMax: 8,
  /** Characters of a quote, or of an Open Enclave report, base64url: 16 KiB of bytes. */
  quoteCharactersMax: 21_848,
  /** Characters of a report of SEV-SNP with its certificates and endorsements, base64url: 120 KiB of bytes. */
  reportCharactersMax: 163_840,
  /** Characters of runtime data or of init-time data, base64url: 32 KiB of bytes each. */
  boundDataCharactersMax: 43_692,
  /** Room for a challenge. */
  nonceCharactersMax: 2048,
  /** Characters of `Accept` that are looked at. */
  acceptCharactersMax: 1024,
  /** Platform families, and platforms of one, whose verification is remembered: about 20 MB at most. */
  rememberedPlatforms: { endorsementsMax: 64, platformsMax: 1024 },
  /** Endorsement keys of AMD's whose verification is remembered: 10 MB at most. */
  rememberedSnpKeysMax: 512,
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
  /** Seconds by which the clocks of two replicas may differ. */
  replicaSkewSeconds: 5,
  /** Signing keys of one instance that are read: a rotation a minute, by hand, for an hour. */
  signingKeysMax: 64,
  /** Bytes of one signing key with its certificate and the evidence in it. */
  signingKeyBytesMax: 32_768,
  /** Where an instance does not say otherwise. */
  attestationLifetimeSeconds: 3600,
  attestationLifetimeSecondsMax: 86_400,
  /** Relying parties read so many keys of an issuer and a few more. */
  retiredKeysMax: 8,
  signsForSecondsMax: 315_360_000,
  publishedAheadSecondsMax: 2_592_000,
  instancesMax: 64,
  trustedProxiesMax: 64,
  /** Clients whose requests are counted apart, of one instance. */
  clientsMax: 50_000,
  accessLifetimeSeconds: 300,
  /** How often used client assertions that have expired are deleted, and the others counted. */
  assertionSweepSeconds: 10,
  /** Bytes of a request to `/challenge`, of which nothing is read. */
  challengeBodyBytesMax: 1024,
  /** How long a challenge is good for. */
  challengeLifetimeSeconds: 120,
  /** How long a deny list counts, for whoever does not ask for less. */
  denyListLifetimeSeconds: 600,
  /** Entries of one instance's deny list: more would not fit into what relying parties read. */
  denyEntriesMax: 1024,
  denyReasonCharactersMax: 256,
  denyBodyBytesMax: 4096,
  /** Changes of a deny list that are told at once. */
  denyChangesMax: 256,
  /** How long a replica goes by what it read of the deny list; and goes on while the database is away. */
  denialsFreshSeconds: 2,
  denialsStaleSecondsMax: 60,
} as const
