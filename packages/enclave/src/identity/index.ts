/**
 * Who a workload is: its attested keys, its attestation token, and what it exchanges that for.
 *
 * @module
 */

export {
  createDenyListKeeper,
  type DenyListKeeper,
  type DenyListKeeperOptions,
} from './deny-list-keeper.ts'
export {
  createEncryptionKey,
  type EncryptionKey,
  encryptedBytes,
  type OaepHash,
} from './encryption-key.ts'
export {
  createIdentity,
  type EvidenceCode,
  type EvidenceExtras,
  type Identity,
  type IdentityOptions,
  type QuotedData,
} from './identity.ts'
export { keepTlsNew } from './keep-tls-new.ts'
export {
  createPassport,
  type Passport,
  type PassportCode,
  type PassportOptions,
} from './passport.ts'
export { createSignerKeys, type SignerKeys, type SignerKeysOptions } from './signer-keys.ts'
export { createTlsIdentity, type TlsIdentity } from './tls-identity.ts'
