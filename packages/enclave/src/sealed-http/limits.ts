/** What sealed routes take. A service passes its own where its work asks for more or less. */
export interface SealedHttpLimits {
  /** One sealed request that is held whole. */
  readonly requestBytesMax: number
  /** How long it may take to come. */
  readonly requestSecondsMax: number
  /** Sealed requests that are opened and answered at once. */
  readonly requestsAtOnceMax: number
  /** All sealed requests that are held whole, being received or answered, together. */
  readonly bytesAtOnceMax: number
  /** One request in chunks. */
  readonly streamBytesMax: number
  /** Requests in chunks that are received or answered at once. Each holds two chunks at most: 2 MiB. */
  readonly streamsAtOnceMax: number
  /** From the first byte of a request in chunks to the last of its answer. */
  readonly streamSecondsMax: number
  /** How long the next piece of a body is waited for, and how long the next piece of an answer may wait to be taken. */
  readonly idleSecondsMax: number
  /** A body that comes more slowly, in the time that it is waited for beyond the first `idleSecondsMax`, is broken off. */
  readonly bytesPerSecondMin: number
  /** Header fields of an inner request. */
  readonly headersMax: number
  /** Path and query of an inner request. */
  readonly pathCharactersMax: number
}

export const sealedHttpLimits: SealedHttpLimits = {
  requestBytesMax: 64 * 1024 * 1024,
  requestSecondsMax: 120,
  requestsAtOnceMax: 64,
  bytesAtOnceMax: 512 * 1024 * 1024,
  streamBytesMax: 4 * 1024 * 1024 * 1024,
  streamsAtOnceMax: 128,
  streamSecondsMax: 4 * 3600,
  idleSecondsMax: 30,
  bytesPerSecondMin: 4096,
  headersMax: 32,
  pathCharactersMax: 2048,
}

/** The request for evidence: a nonce in JSON. Bytes. */
export const evidenceRequestBytesMax = 1024
/** A request in chunks that says that it is no longer is opened once all of it has come: one chunk at its largest. Bytes. */
export const shortBytesMax: number = 1024 * 1024 + 4096
/** How long the rest of a request is taken and thrown away that was answered before it was whole. Seconds. */
export const lingerSecondsMax = 10
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
