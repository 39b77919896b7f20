export const limits = {
  /** Bytes of a request that sets a policy or names a signer. */
  bodyBytesMax: 262_144,
  /** Nested objects in a JSON Web Signature's header and payload. */
  depthMax: 4,
  /** Characters of a certificate in `x5c`, base64: 16 KiB of bytes. */
  certificateCharactersMax: 21_848,
  /** Certificates in `x5c`. */
  chainCertificatesMax: 6,
  /** Characters of a number of a key: 4096 bits, base64url. */
  keyNumberCharactersMax: 684,
  /** Characters of `aud`, `kid` and the like. */
  nameCharactersMax: 512,
  /** Signers of one instance. */
  signersMax: 32,
  /** Changes that wait for a second person, of one instance. */
  pendingMax: 64,
  /** Entries of history in one answer. */
  pageMax: 200,
  pageDefault: 50,
  /** Seconds by which the clock of whoever signs a policy may be ahead. */
  clockSkewSeconds: 30,
  /** How long the signed answer to a change or a question counts. */
  resultLifetimeSeconds: 3600,
  /** How long a change waits for a second person, where the operator does not say otherwise, and at most. */
  approvalSeconds: 86_400,
  approvalSecondsMax: 2_592_000,
} as const
