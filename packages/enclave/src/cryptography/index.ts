/**
 * Digests and signatures by node:crypto.
 *
 * @module
 */

export {
  type HpkeContext,
  type HpkeKemId,
  type HpkePrivateKey,
  type HpkeSymmetric,
  hpkePrivateKeyOf,
  setupHpkeSender,
} from './hpke.ts'
export { createNodeCryptography, nodeCryptography } from './node-cryptography.ts'
