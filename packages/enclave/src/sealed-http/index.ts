/**
 * The server's side of sealed HTTP: ordinary Fastify routes that nobody reaches but through the attested channel.
 *
 * @see docs/spec/sealed-http.md
 * @module
 */

export {
  addSealedRoutes,
  type GiveEvidence,
  type SealedRoutesOptions,
} from './add-sealed-routes.ts'
export {
  type ChannelKeys,
  createChannelKeys,
  type OpenedRequest,
  type SeedOfDay,
  type SharedChannel,
} from './channel-keys.ts'
export { type SealedHttpLimits, sealedHttpLimits } from './limits.ts'
export { type SealedHttpCode, type SealedHttpProblem, sealedHttpProblems } from './problems.ts'
export {
  createReplayMemory,
  type Epoch,
  type Epochs,
  type MemoryUnavailable,
  type ReplayMemory,
} from './replay-memory.ts'
export { openSharedReplayMemory } from './shared-replay-memory.ts'
