/**
 * The attested channel: who the peer is, and sealed HTTP to nobody else.
 *
 * @module
 */

export { disagreementOf } from './agreement.ts'
export {
  type BinaryHttpCode,
  type BinaryHttpProblem,
  type BinaryRequest,
  type BinaryResponse,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type Field,
} from './bhttp.ts'
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
  type OhttpCode,
  type OhttpProblem,
  openRequest,
  openResponse,
  requestMediaType,
  responseMediaType,
  type SealedExchange,
  sealRequest,
  sealResponse,
} from './ohttp.ts'
export type { Check, CheckId, PeerCode, PeerFacts, PeerProblem, VerifiedPeer } from './peer.ts'
export type { Random } from './random.ts'
export { createReplayWindow, type ReplayCode, type ReplayWindow } from './replay-window.ts'
export {
  type ChannelCode,
  ChannelError,
  type ChannelRequest,
  type ChannelResponse,
  isKeyShared,
  openChannel,
  type SealedChannel,
  type TransferOptions,
  type Transport,
} from './sealed-channel.ts'
export type { AeadId, KdfId, KemId, SymmetricSuite } from './suite.ts'
export { isVerifiedPeer, type PeerTrust, verifyPeer } from './verify-peer.ts'
