/**
 * Sealing: everything written outside the TEE.
 *
 * @module
 */

export { parseEnvelope, parseStreamHead, streamHeadBytes } from './envelope.ts'
export { makeFolder, syncFolder } from './folder.ts'
export { openKeyFile } from './key-file.ts'
export { type MasterKey, masterKeyFrom, masterKeyOf } from './master-key.ts'
export {
  type LoadedMasterKeys,
  loadMasterKeys,
  type MasterKeys,
  masterKeyIdOf,
  masterKeysOf,
  type NamedMasterKey,
} from './master-keys.ts'
export { SealedStreamFailure } from './sealed-stream.ts'
export {
  type BlindIndex,
  createSealer,
  type DataKey,
  type SealedAddress,
  type Sealer,
  type WrappedDataKey,
} from './sealer.ts'
export type { SealingCode, SealingProblem } from './sealing-problem.ts'
