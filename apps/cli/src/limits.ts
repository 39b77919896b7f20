export const limits = {
  /** Bytes of a film. */
  filmBytesMax: 50_331_648,
  /** Films of one folder. */
  filmsMax: 100_000,
  /** Bytes of a configuration, a key set, an evidence document, or an attestation token's answer. */
  documentBytesMax: 1_048_576,
  /** Bytes of one sealed answer. */
  sealedBytesMax: 83_886_080,
  /** Bytes of a file of evidence, endorsements, runtime data or Reference Values. */
  evidenceBytesMax: 33_554_432,
  /** Certificates and revocation lists of one file of endorsements. */
  certificatesMax: 64,
  /** Cases of one `policy test`. */
  policyCasesMax: 1000,
  /** Bytes of a receipt or a certificate file. */
  receiptBytesMax: 4_194_304,
  /** Bytes of one answer of a key broker: a thousand entries of its audit log. */
  brokerBytesMax: 134_217_728,
  /** Keys of one page of a broker's list. */
  keysOfPageMax: 1000,
  /** Seconds by which a checkpoint that was signed on demand may be older, or newer, than now. */
  checkpointAgeSecondsMax: 300,
  depthMax: 32,
  /** Milliseconds in which a service must answer a small request. */
  answerMsMax: 30_000,
  /** Milliseconds for a sealed request, its upload included. */
  sealedMsMax: 300_000,
  pollMsMin: 100,
  pollMsMax: 1000,
  /** Seconds for one film, unless the caller says otherwise. */
  timeoutSeconds: 120,
  timeoutSecondsMax: 3600,
  /** Bytes of a piece of an upload, after each of which progress is shown. */
  uploadPieceBytes: 65_536,
  clockSkewSeconds: 60,
} as const
