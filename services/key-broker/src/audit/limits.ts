export const limits = {
  /** Bytes of one entry as a line. */
  entryBytesMax: 131_072,
  entryDepthMax: 6,
  targetCharactersMax: 512,
  subjectCharactersMax: 512,
  /** Conditions of a release policy that are told of one release. */
  conditionsMax: 256,
  /** Names in one list of details. */
  namesMax: 64,
  reasonCharactersMax: 512,
  /** Characters of a checkpoint, signed. */
  checkpointCharactersMax: 2048,
  /** Bytes of the key that signs them, as it is sealed. */
  auditKeyBytesMax: 1024,
  /** A checkpoint is signed with every so many entries, */
  checkpointEveryEntries: 256,
  /** and after so many seconds in which any entry was written. */
  checkpointEverySeconds: 300,
  /** Entries of one answer. */
  pageMax: 1000,
  pageDefault: 256,
  /** Findings of one verification that are told; the others are counted. */
  findingsMax: 100,
  /** Gaps that are remembered, in case what is missing comes later. */
  gapsMax: 1000,
} as const
