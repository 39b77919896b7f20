/** Limits of what an attestation service answers, of how long it is waited for, and of evidence. */
export const identityLimits = {
  /** An attestation token, an access token, a key set, a deny list. */
  answerBytesMax: 262_144,
  answerSecondsMax: 10,
  signerKeysMax: 32,
  /** Evidence that is being made at once. The pipe to the TEE takes four times as many requests. */
  evidenceUnderWayMax: 64,
} as const
