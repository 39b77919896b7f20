/** Limits of what endorsers answer, of how long they are waited for, and of what is kept. */
export const endorsementsLimits = {
  /** TCB info is the largest of Intel's, about 15 KiB; AMD's chains are about 5 KiB. */
  answerBytesMax: 1_048_576,
  /** For one answer, from the connection to its last byte. */
  answerSecondsMax: 10,
  issuerChainCharactersMax: 65_536,

  /** Tries for one endorsement, the first included. */
  triesMax: 3,
  /** The longest pause before the second try; it doubles for each further one. The pause is drawn below it. */
  backoffMs: 200,
  backoffMsMax: 8000,
  /** The longest that one request waits its turn, or as a service told it to; beyond, it is refused at once. */
  waitSecondsMax: 10,
  /** What a service may ask for with `Retry-After`. */
  retryAfterSecondsMax: 3600,

  /** Platforms whose PCK certificate was read before; about 5 kB each. */
  platformsMax: 1024,
  /** Endorsements of one scope in memory, failures included. */
  slotsMax: 256,
  /** How long TCB info, identities and revocation lists are used without asking for newer ones. */
  freshSeconds: 43_200,
  /** The same of certificate chains, which hardly ever change. A VCEK is never asked for again. */
  chainFreshSeconds: 2_592_000,
  /** How long a failure is remembered, so that strangers cannot have us ask in a loop. */
  failureSeconds: 2,
  /** The same of "not known", which no second try changes soon. */
  unknownSeconds: 60,

  /** Of the durable cache, together. */
  folderEntriesMax: 1024,
  folderBytesMax: 67_108_864,
  /** One file of the durable cache: a body in base64 and what stands beside it. */
  entryBytesMax: 2_097_152,
  /** A draft this old was left by a process that died. */
  draftSecondsMax: 3600,

  bundleBytesMax: 33_554_432,
  bundlePiecesMax: 1024,
} as const

/** What a server of endorsements takes from a stranger. */
export const endorsementsServerLimits = {
  targetCharactersMax: 512,
  headerBytesMax: 8192,
  headersSecondsMax: 5,
  /** From the first byte of a request to its last; it has no body. */
  requestSecondsMax: 5,
  /** Until an answer has begun. */
  answerSecondsMax: 60,
  keepAliveSeconds: 30,
  connectionsMax: 256,
  requestsPerConnectionMax: 1000,
  /** Requests that wait for the source at once; more are told to come later. */
  waitingMax: 128,
  /** What `Retry-After` tells, when there is nothing better to tell. */
  retryAfterSeconds: 5,
} as const
