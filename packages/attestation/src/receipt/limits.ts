/** What a receipt may be at most. */
export const receiptLimits = {
  /** Characters of the payload, protected header or signature as base64url. */
  jwsPartCharactersMax: 65_536,
  /** Characters of a token or statement. */
  tokenCharactersMax: 65_536,
  textMax: 256,
  keysMax: 32,
  /** Characters of one text of a JWK. */
  keyTextMax: 2048,
  certificatesMax: 8,
  certificateCharactersMax: 16_384,
  depthMax: 8,
  /** Seconds from the verification of a party to the receipt, at most. */
  evidenceAgeSecondsMax: 86_400,
  /** Seconds by which clocks of the parties may differ. */
  clockSkewSeconds: 60,
  /** Bytes of a salt. */
  saltBytes: 32,
} as const
