/** Limits of an encrypted model. */
export const encryptedModelLimits = {
  /** JSON before the chunks. */
  headerBytesMax: 4096,
  /** Bytes of the model in each chunk but the last. */
  chunkBytes: 65_536,
  /** Chunks are counted in 32 bits; this is far below. */
  modelBytesMax: 1_099_511_627_776,
} as const
