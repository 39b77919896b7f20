/** Limits of what is sealed at once. */
export const sealingLimits = {
  /** One row or one film. Larger objects are sealed in parts, each with an address of its own. */
  plaintextBytesMax: 536_870_912,
  addressCharactersMax: 512,
} as const
