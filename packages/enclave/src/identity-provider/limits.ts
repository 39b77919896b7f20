export const limits = {
  tokenCharactersMax: 8192,
  /** Bytes of an answer of the identity provider. */
  answerBytesMax: 262_144,
  keysMax: 64,
  /** How long the provider's keys are believed without asking again. */
  keysLifetimeSeconds: 3600,
  /** How often an unknown key may make the provider be asked. */
  freshKeysEverySeconds: 30,
  patienceMs: 5000,
  /** Seconds by which the provider's clock may differ. */
  clockSkewSeconds: 30,
} as const
