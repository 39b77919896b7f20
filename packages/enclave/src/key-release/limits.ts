/** Limits of what a key broker answers, and of how long it is waited for. */
export const keyReleaseLimits = {
  answerBytesMax: 262_144,
  jsonDepthMax: 10,
  /** Bytes of `key_hsm`: a wrapped RSA-4096 key is the largest. */
  wrappedBytesMax: 16_384,
  textMax: 2048,
  /** Versions of one key that a start asks for, however many somebody wrote down. */
  knownVersionsMax: 64,
  requestSecondsMax: 15,
  /** Between two questions to a broker that is not there: doubled each time, up to the longest. */
  retryMsMin: 250,
  retryMsMax: 10_000,
  /** How long a start waits for keys. */
  startSecondsMax: 300,
  /** How often a broker is asked whether a key has a newer version. */
  pollSeconds: 300,
} as const
