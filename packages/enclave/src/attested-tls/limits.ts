/** Limits of connections between attested workloads. */
export const attestedTlsLimits = {
  connectionsMax: 1024,
  handshakeSecondsMax: 10,
  connectSecondsMax: 10,
  requestSecondsMax: 30,
  responseBytesMax: 16_777_216,
  /** An evidence document: a quote, runtime and init-time data, endorsements. */
  evidenceBytesMax: 262_144,
  evidenceDepthMax: 8,
  /** Requests that wait for a connection of one client. */
  waitingMax: 1024,
  /** Access tokens that are remembered until they end. */
  admittedTokensMax: 100_000,
  tokenCharactersMax: 16_384,
} as const
