/** What a server takes from a stranger. Each service passes its own where its work asks for more. */
export interface ServerLimits {
  readonly bodyBytesMax: number
  /** From the first byte of a request to the last. */
  readonly requestSecondsMax: number
  readonly headersSecondsMax: number
  readonly headerBytesMax: number
  readonly keepAliveSeconds: number
  readonly connectionsMax: number
  readonly requestsPerConnectionMax: number
  /** How long requests under way are waited for when the service stops. */
  readonly drainSecondsMax: number
  readonly pathCharactersMax: number
}

export const serverLimits: ServerLimits = {
  bodyBytesMax: 256 * 1024,
  requestSecondsMax: 30,
  headersSecondsMax: 10,
  headerBytesMax: 16 * 1024,
  keepAliveSeconds: 60,
  connectionsMax: 1024,
  requestsPerConnectionMax: 100_000,
  drainSecondsMax: 10,
  pathCharactersMax: 512,
}
