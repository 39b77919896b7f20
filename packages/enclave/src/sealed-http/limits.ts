/** What sealed routes take. A service passes its own where its work asks for more or less. */
export interface SealedHttpLimits {
  /** One sealed request that is held whole. */
  readonly requestBytesMax: number
  /** Sealed requests that are opened and answered at once. */
  readonly requestsAtOnceMax: number
  /** All sealed requests that are held whole, being received or answered, together. */
  readonly bytesAtOnceMax: number
  /** Header fields of an inner request. */
  readonly headersMax: number
  /** Path and query of an inner request. */
  readonly pathCharactersMax: number
}

export const sealedHttpLimits: SealedHttpLimits = {
  requestBytesMax: 64 * 1024 * 1024,
  requestsAtOnceMax: 64,
  bytesAtOnceMax: 512 * 1024 * 1024,
  headersMax: 32,
  pathCharactersMax: 2048,
}

/** The request for evidence: a nonce in JSON. Bytes. */
export const evidenceRequestBytesMax = 1024
/** Length of an epoch. Seconds. */
export const epochSeconds: number = 24 * 3600
/** A key that has been replaced is still opened for this long, so that what was sealed to it arrives. Seconds. */
export const epochOverlapSeconds = 300
/** Messages that one process opens in one part of an epoch; then all processes begin another, with other keys. */
export const openedInPartMax = 100_000
/** A key that nobody here knows is looked for in the shared memory at most this often. Milliseconds. */
export const epochLookUpMs = 1000
/** How long the shared memory is waited for before a message is refused. Seconds. */
export const memoryAnswerSecondsMax = 5
/** Connections of one process to the shared memory. */
export const memoryConnectionsMax = 4
