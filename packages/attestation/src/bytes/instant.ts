/** Whole seconds since 1970-01-01T00:00:00Z. Nothing in this package reads a clock: an instant is an argument. */
export type UnixSeconds = number
