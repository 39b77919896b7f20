/** What the provider takes from its peers. */
export const limits = {
  /** Bytes of an inference request, JSON and binary tensors together. */
  requestBytesMax: 262_144,
  /** Bytes of one tensor: one film of 64 x 64 FP32. */
  tensorBytesMax: 16_384,
  /** Nesting of a request's JSON: a nested tensor of four dimensions fits exactly. */
  jsonDepthMax: 7,
  /** Characters of a request's own id. */
  idCharactersMax: 128,
  /** Outputs that one request names. */
  outputsMax: 16,
  /** Bytes of an access token in a header. */
  tokenBytesMax: 12_288,
  /** Films that wait for a model at once. */
  waitingMax: 256,
  /** Milliseconds that a film may be expected to wait; one that would wait longer is refused at once. */
  waitMsMax: 2_000,
  /** Milliseconds from being taken up to being interpreted. */
  computeMsMax: 5_000,
  /** Milliseconds that a worker may take to load the model. */
  loadMsMax: 30_000,
  /** Which key of the broker a model is encrypted under. */
  modelKeyName: 'diagnostics-model',
  /** Bytes of the model file and of its card. */
  modelBytesMax: 67_108_864,
  cardBytesMax: 131_072,
} as const
