/** Limits of what is sealed. */
export const sealingLimits = {
  /** What is sealed whole: one row. What is larger is sealed as a stream. */
  plaintextBytesMax: 536_870_912,
  /** Tenant, type, id and patient of an address together. */
  addressCharactersMax: 1024,
  /** Plaintext of one chunk of a stream, unless whoever seals says otherwise. */
  chunkBytes: 65_536,
  chunkBytesMin: 1024,
  /** The most that a reader holds at once, whatever a stream says of itself. */
  chunkBytesMax: 1_048_576,
  /** Master keys that one ring holds. */
  masterKeysMax: 64,
} as const
