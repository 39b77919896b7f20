export const limits = {
  bodyBytesMax: 4096,
  /** Anchors whose newest revision one process remembers. */
  seenMax: 10_000,
} as const
