/**
 * Digests, signatures and HPKE by node:crypto.
 *
 * @module
 */

export { hpkeRecipientOf, nodeHpke } from './hpke.ts'
export { createNodeCryptography, nodeCryptography } from './node-cryptography.ts'
