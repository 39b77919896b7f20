/** Limits of connections between attested workloads. */
export const attestedTlsLimits = {
  connectionsMax: 1024,
  handshakeSecondsMax: 10,
  connectSecondsMax: 10,
  requestSecondsMax: 30,
  responseBytesMax: 16_777_216,
  /** From the end of the handshake until both ends have been verified. */
  attestationSecondsMax: 30,
  /** How long a certificate is believed without being verified anew, and how many are. */
  rememberedSeconds: 900,
  rememberedMax: 1024,
  askAgainSeconds: 10,
  /** Certificates that passed the first look and are being verified at once, of those that are asked for by us and by others each. */
  verificationsMax: 64,
  /** How many of them are looked up at once, at whoever has endorsements and at the attestation service. The others wait. */
  lookUpsMax: 8,
  /** Requests that wait for a connection of one client. */
  waitingMax: 1024,
  /** Access tokens that are remembered until they end. */
  admittedTokensMax: 100_000,
  tokenCharactersMax: 16_384,
} as const
