export const limits = {
  nameCharactersMax: 127,
  /** Versions of one key. */
  versionsMax: 500,
  tagsMax: 15,
  tagCharactersMax: 256,
  operationsMax: 8,
  /** Keys on one page of a list; also what is on one where nobody asks for less. */
  pageMax: 25,
  skipTokenCharactersMax: 256,
  /** Characters of one number of a JWK, base64url: 8192 bits and a little. */
  numberCharactersMax: 1400,
  /** Bytes of a request to restore a backup, which nobody but an officer may send. */
  backupBytesMax: 8_388_608,
  /** Bytes that are drawn at once. */
  randomBytesMax: 128,
  /** Shortest time of a rotation policy. */
  rotationSecondsMin: 3600,
  durationCharactersMax: 64,
  /** Longest time of a rotation policy: a hundred years. */
  rotationSecondsMax: 3_155_760_000,
  /** Keys that one sweep looks at. */
  sweepMax: 256,
  /** The last second of the year 9999. */
  instantMax: 253_402_300_799,
} as const
