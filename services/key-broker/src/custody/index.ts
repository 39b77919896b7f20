/**
 * What an operator does with the keys that open the broker's root key.
 *
 * @see docs/operations/key-custody.md
 * @module
 */

export { openBreakGlassKey } from './break-glass-key.ts'
export {
  addKeyEncryption,
  type CustodyDeps,
  createRecovery,
  type OpenCustody,
  rehearseRecovery,
  restoreRecovery,
  retireKeyEncryption,
} from './change-custody.ts'
export type { KeyEncryption } from './key-encryption.ts'
export { type KeyEncryptionSettings, keyEncryptionSettings } from './key-encryption-settings.ts'
export { limits as custodyLimits } from './limits.ts'
export { openKeyEncryption } from './open-key-encryption.ts'
export { type RootKeyWrap, readWraps } from './root-key.ts'
export type { SecretSurroundings } from './secret-source.ts'
export { parseShare } from './share.ts'
