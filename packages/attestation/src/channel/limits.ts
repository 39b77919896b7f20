/** What a sealed message may be at most. */
export const channelLimits = {
  /** Bytes of one message that is sealed as a whole, and of the message inside it. */
  messageBytesMax: 83_886_080,
  /** Bytes of one message that is sealed in chunks, and of the content inside it: 8 GiB. */
  streamBytesMax: 8_589_934_592,
  /** Bytes that are sealed together in a message of chunks, unless said otherwise. */
  chunkBytes: 262_144,
  /** Bytes that may be sealed together in a message of chunks. What is no longer than that goes as one chunk. */
  chunkBytesMax: 1_048_576,
  /** Fields of one header section. */
  fieldsMax: 128,
  /** Bytes of one header section. */
  fieldSectionBytesMax: 65_536,
  /** Bytes of a method, scheme, authority or path. */
  controlBytesMax: 8192,
  /** Pieces of content of indeterminate length, beside one for every 16 bytes of it. */
  contentChunksMax: 65_536,
  /** Informational responses before the final one. */
  informationalMax: 8,
  /** Bytes of `application/ohttp-keys`. */
  keyConfigBytesMax: 6144,
  keyConfigsMax: 8,
  suitesMax: 16,
  /** Requests that one key configuration opens before it must be replaced. */
  replayEntriesMax: 100_000,
  /** Bytes of what a platform or an attestation service answers to whoever asks who the platform is. */
  answerBytesMax: 4_194_304,
  /** Milliseconds that each of them has. */
  askMsMax: 20_000,
  /** Bytes of the nonce that whoever asks for evidence chooses. */
  nonceBytes: 32,
  /** From the first to the last second of a certificate that carries evidence. */
  certificateSecondsMax: 86_400,
} as const
