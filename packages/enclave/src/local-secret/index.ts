/**
 * Secrets of a TEE that outlive its process and the updates of its machine.
 *
 * @module
 */

export {
  type KeptMasterKey,
  type KeptMasterKeyOptions,
  openKeptMasterKey,
} from './kept-master-key.ts'
export {
  type LocalSecret,
  type LocalSecretCode,
  type LocalSecretOptions,
  openLocalSecret,
  outlivesUpdate,
  type WrappingKey,
} from './local-secret.ts'
export { type SecretPlace, secretFile } from './place.ts'
export { parseWraps } from './secret-wraps.ts'
export { type TcbWarning, type TcbWarningOptions, tcbWarning, watchSecret } from './tcb-warning.ts'
