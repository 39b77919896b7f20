/** Largest quote, in bytes. One with Intel's certificate chain has about 5 000. */
export const dcapQuoteBytesMax = 32_768

/** Largest runtime data, in bytes of JSON. */
export const runtimeDataBytesMax = 16_384

/** Largest init-time data, in bytes of JSON. */
export const initTimeDataBytesMax = 32_768

/** How deep runtime and init-time data may nest. */
export const dataDepthMax = 8

/** Most peers in init-time data. */
export const peersMax = 16

/** Most values in one list of accepted measurements, keys, statuses or roots. */
export const acceptedValuesMax = 32

/** Longest name, URL or other short text, in characters. */
export const shortTextMax = 512

/** Longest PEM text of endorsements, in characters. */
export const endorsementPemMax = 65_536

/** Longest TCB info or QE identity, in characters. */
export const endorsementJsonMax = 524_288

/** Longest revocation list, in hex digits. */
export const endorsementCrlMax = 2_097_152

/** Largest evidence document, in bytes of JSON. Whoever reads one from the network stops there. */
export const evidenceDocumentBytesMax = 4_194_304

/** How deep an evidence document may nest. */
export const evidenceDocumentDepthMax = 8
