/** Limits of what an attestation service answers, and of how long it is waited for. */
export const identityLimits = {
  /** An attestation token, an access token, a key set. */
  answerBytesMax: 262_144,
  answerSecondsMax: 10,
  signerKeysMax: 32,
  purposeCharactersMax: 64,
} as const
