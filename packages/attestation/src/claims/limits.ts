/** Most values, or tolerated advisories, in one list of Reference Values. */
export const acceptedValuesMax = 256

/** Longest text or reason, in characters. */
export const reasonCharactersMax = 512

/** Longest bytes, in hex digits. */
export const hexDigitsMax = 256

/** Largest Reference Values, in bytes of JSON; and how deep they may nest. */
export const referenceValuesBytesMax = 262_144
export const referenceValuesDepthMax = 8
