/**
 * Other workloads, verified before anything is sent to them.
 *
 * @module
 */

export {
  attest,
  failure,
  failureOf,
  type Introduction,
  kindOf,
  type PeerFailure,
  type PeerTrust,
  standingProblem,
  verifyAttested,
} from './verify-attested.ts'
