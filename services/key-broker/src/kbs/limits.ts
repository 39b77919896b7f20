export const limits = {
  /** Bytes of a request that begins a handshake. */
  requestBytesMax: 16_384,
  /** Bytes of an attestation: certificates come as lists of numbers. */
  attestationBytesMax: 262_144,
  /** Bytes of a policy, or of what encloses one. */
  policyBytesMax: 32_768,
  /** Bytes of a resource. */
  resourceBytesMax: 1_048_576,
  bodyDepthMax: 12,
  extraParameterCharactersMax: 64,
  hashAlgorithmsMax: 16,
  quoteCharactersMax: 21_848,
  eventLogCharactersMax: 196_608,
  /** Certificates of a chip, and bytes of each. */
  certificatesMax: 8,
  certificateBytesMax: 4096,
  initDataCharactersMax: 32_768,
  additionalEvidenceCharactersMax: 16,
  keyCharactersMax: 1376,
  /** Bits of an RSA key that is encrypted to. */
  rsaBitsMin: 2048,
  rsaBitsMax: 8192,
  cookieCharactersMax: 256,
  /** Characters of a repository, a type, or a tag. */
  segmentCharactersMax: 64,
  /** Sessions that have attested and have not run out; whoever has not attested takes no room. */
  sessionsMax: 100_000,
  sessionSeconds: 300,
  versionsMax: 64,
  policyVersionsMax: 64,
  /** Attestations that are passed on at the same time. */
  attestationsMax: 64,
  /** The attestation service's answer. */
  attestationSecondsMax: 30,
  attestationAnswerBytesMax: 262_144,
} as const
