/**
 * How often somebody may ask.
 *
 * @module
 */

export { type ClientRates, createClientRates } from './client-rates.ts'
export { createTokenBucket, type RateLimit, type TokenBucket } from './token-bucket.ts'
