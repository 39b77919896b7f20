/** Limits of what an attestation service answers, of how long it is waited for, and of evidence. */
export const identityLimits = {
  /** An attestation token, an access token, a key set, a deny list. */
  answerBytesMax: 262_144,
  answerSecondsMax: 10,
  signerKeysMax: 32,
  /** Evidence that is being made at once. The pipe to the TEE takes four times as many requests. */
  evidenceUnderWayMax: 64,
  /** How long a certificate with evidence in it is shown at most, and after how long another follows. */
  certificateSeconds: 7200,
  certificateRenewalSeconds: 1800,
  /** Certificates that are remembered while connections may be open that they were shown on. */
  certificatesMax: 256,
  /** Certificates that attestation tokens are held for: the present one, and those of connections still open. */
  holdersMax: 8,
} as const
