export const limits = {
  bodyBytesMax: 4096,
  /** `urn:uuid:…:cache-gateway` and a little. */
  nameCharactersMax: 128,
  reasonCharactersMax: 256,
  /** Anchors whose newest revision one process remembers. */
  seenMax: 10_000,
} as const
