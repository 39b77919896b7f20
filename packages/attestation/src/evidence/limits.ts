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

/** Longest key configurations of sealed HTTP, base64url, in characters: 6 KiB, four post-quantum keys and some others. */
export const ohttpTextMax = 8192

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

/** Largest HCL report, in bytes. Azure's are read from an NV index of 2600. */
export const hclReportBytesMax = 16_384

/** How deep the variable data of an HCL report may nest. */
export const hclVariableDataDepthMax = 8

/** Most keys in the variable data of an HCL report. Azure writes two. */
export const hclKeysMax = 8

/** Largest TPMS_ATTEST or TPMT_SIGNATURE, in bytes. */
export const tpmStructureBytesMax = 4096

/** Most PCR banks in one quote. */
export const tpmBanksMax = 8

/** Most platform configuration registers of one bank. */
export const tpmPcrsMax = 32

/** Largest COSE_Sign1, in bytes. Microsoft's have about 11 000. */
export const coseSign1BytesMax = 131_072

/** How deep COSE_Sign1 and its headers may nest. */
export const coseDepthMax = 6

/** Largest payload of a UVM endorsement, in bytes of JSON. */
export const uvmPayloadBytesMax = 16_384

/** Largest value of an RA-TLS evidence extension, in bytes of CBOR. */
export const raTlsExtensionBytesMax = 65_536

/** How deep an RA-TLS evidence extension may nest. */
export const raTlsDepthMax = 4

/** Largest file that evidence comes wrapped in, in bytes. */
export const wrappedEvidenceBytesMax = 1_048_576

/** How deep JSON that evidence comes wrapped in may nest. */
export const wrappedEvidenceDepthMax = 8

/** Largest AMD certificate table, in bytes, and most entries in it. */
export const amdCertificateTableBytesMax = 131_072
export const amdCertificateTableEntriesMax = 32
