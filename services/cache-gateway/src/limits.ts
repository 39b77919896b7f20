/** What one command may be at most. */
export interface CommandLimits {
  readonly argumentsMax: number
  /** Bytes of one argument. */
  readonly bulkBytesMax: number
  /** Bytes of all arguments together. */
  readonly commandBytesMax: number
}

/** Before `AUTH`: room for a token, and for nothing else. */
export const anonymousLimits: CommandLimits = {
  argumentsMax: 8,
  bulkBytesMax: 16 * 1024,
  commandBytesMax: 32 * 1024,
}

/** After `AUTH`. */
export const admittedLimits: CommandLimits = {
  argumentsMax: 1024,
  bulkBytesMax: 4 * 1024 * 1024,
  commandBytesMax: 8 * 1024 * 1024,
}

export const limits = {
  /** Bytes of a key, as the client gives it. */
  keyBytesMax: 512,
  /** Keys of one command whose answer is their values. */
  valuesMax: 64,
  /** Bytes of `*1024` or `$1048576`, without the line's end. */
  lineBytesMax: 12,
  /** Commands of one connection that are answered together. */
  commandsInFlightMax: 64,
  connectionsMax: 256,
  /** Refused tokens on one connection. */
  refusalsMax: 3,
  /** Milliseconds from the handshake to `AUTH`. */
  anonymousMsMax: 10_000,
  /** Milliseconds in which nothing is said. */
  idleMsMax: 300_000,
  /** Milliseconds in which the store must answer. */
  storeMsMax: 2_000,
  /** Milliseconds that a value may be kept. */
  lifetimeMsMax: 2_592_000_000,
  /** Bytes of all values and keys of the in-process store. */
  inProcessBytesMax: 67_108_864,
} as const
