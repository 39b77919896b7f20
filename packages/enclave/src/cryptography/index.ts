/**
 * Digests and signatures by node:crypto.
 *
 * @module
 */

export { createNodeCryptography, nodeCryptography } from './node-cryptography.ts'
