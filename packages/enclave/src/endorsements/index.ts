/**
 * Where endorsements come from.
 *
 * @see docs/spec/endorsements.md
 * @module
 */

export {
  type BundleCode,
  type BundledPiece,
  type EndorsementBundle,
  encodeBundle,
  parseBundle,
} from './bundle.ts'
export { createBundleSource } from './bundle-source.ts'
export { type CachedSourceOptions, createCachedSource } from './cached-source.ts'
export {
  createEndorsementsClient,
  type EndorsementsClient,
  type EndorsementsCode,
  type PcsClient,
  type SnpEndorsementSet,
} from './endorsements-client.ts'
export type {
  AmdKey,
  EndorsementItem,
  EndorsementPiece,
  IntelTee,
  PckCa,
  TcbBaseline,
} from './item.ts'
export { endorsementsLimits, endorsementsServerLimits } from './limits.ts'
export { createPcsClient, type PcsClientOptions } from './pcs-client.ts'
export { openPieceFolder, type PieceFolder, type PieceFolderOptions } from './piece-folder.ts'
export { type AmdPlatform, type IntelPlatform, type Platform, platformOf } from './platform-of.ts'
export { mayBeRetried, type SourceCode } from './problems.ts'
export { createRemoteSource, type RemoteSourceOptions } from './remote-source.ts'
export type { EndorsementSource } from './source.ts'
export {
  type EndorsementsServer,
  type EndorsementsServerOptions,
  startEndorsementsServer,
} from './start-server.ts'
export { targetOf } from './target.ts'
export { amdKds, intelPcs, type KdsAddress, type PcsAddress } from './vendors.ts'
