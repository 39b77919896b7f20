/**
 * How often somebody may ask.
 *
 * @module
 */

export { clientOf } from './client-of.ts'
export { type ClientRates, createClientRates } from './client-rates.ts'
export { addressesOf } from './networks.ts'
export { createTokenBucket, type RateLimit, type TokenBucket } from './token-bucket.ts'
