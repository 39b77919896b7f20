/**
 * The attested channel: who the peer is, and sealed HTTP to nobody else.
 *
 * @module
 */

export { disagreementOf } from './agreement.ts'
export {
  type AnswerCode,
  type AnswerProblem,
  type AskEffects,
  type AskStep,
  askPlatform,
  type NotAnswered,
  type NotBelieved,
  type PlatformConfiguration,
} from './ask-peer.ts'
export {
  type BinaryRequest,
  type BinaryResponse,
  type ContentLength,
  type DecodeOptions,
  decodeRequest,
  decodeRequestStream,
  decodeResponse,
  decodeResponseStream,
  encodeRequest,
  encodeRequestStream,
  encodeResponse,
  encodeResponseStream,
  type Field,
  type InformationalResponse,
  type RequestHead,
  type ResponseHead,
  type Streamed,
} from './bhttp.ts'
export type { BinaryHttpCode, BinaryHttpProblem } from './bhttp-problem.ts'
export { type ByteSource, piecesOf, streamOf } from './byte-source.ts'
export { type ChannelCode, ChannelError, type ChannelProblem } from './channel-error.ts'
export {
  type ChunkOptions,
  chunkedRequestMediaType,
  chunkedResponseMediaType,
  type OpenedPieces,
  openChunkedRequest,
  openChunkedResponse,
  sealChunkedRequest,
  sealChunkedResponse,
  sealShortRequest,
  sealShortResponse,
} from './chunked-ohttp.ts'
export type { OhttpCode, OhttpForm, OhttpProblem, SealedExchange } from './encapsulation.ts'
export { giveBack } from './give-back.ts'
export type { Awaitable, HpkeAead, HpkeContext, HpkeEngine, HpkeRecipient } from './hpke-engine.ts'
export { isKeyShared } from './is-key-shared.ts'
export {
  decodeKeyConfigs,
  encodeKeyConfigs,
  generateKeyConfig,
  type KeyConfig,
  type KeyConfigCode,
  type OhttpKey,
} from './key-config.ts'
export { channelLimits } from './limits.ts'
export {
  openRequest,
  openResponse,
  requestMediaType,
  responseMediaType,
  sealRequest,
  sealResponse,
} from './ohttp.ts'
export type { Check, CheckId, PeerCode, PeerFacts, PeerProblem, VerifiedPeer } from './peer.ts'
export type { Random } from './random.ts'
export {
  type Admission,
  createReplayWindow,
  type LocalReplayWindow,
  type ReplayCode,
  type ReplayWindow,
} from './replay-window.ts'
export type { SealedBody } from './request-body.ts'
export {
  type ChannelRequest,
  type ChannelResponse,
  openChannel,
  type SealedChannel,
  type TransferOptions,
  type Transport,
} from './sealed-channel.ts'
export {
  createSealedFetch,
  NotVerifiedError,
  type SealedFetch,
  type SealedFetchOptions,
  type SealedRequestInit,
} from './sealed-fetch.ts'
export type { AeadId, KdfId, KemId, SymmetricSuite } from './suite.ts'
export {
  type CarryOptions,
  fetchTransport,
  type SealedMessage,
  type SealedTransport,
} from './transport.ts'
export {
  isVerifiedPeer,
  type PeerCertificateTrust,
  type PeerTrust,
  verifyPeer,
  verifyPeerCertificate,
} from './verify-peer.ts'
export { derivePrivateKey, supportedKems, webHpke } from './web-hpke.ts'
