/**
 * Where endorsements come from.
 *
 * @module
 */

export {
  createPcsClient,
  type EndorsementsCode,
  type PcsClient,
  type PcsClientOptions,
} from './pcs-client.ts'
