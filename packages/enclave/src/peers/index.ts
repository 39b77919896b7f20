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
  type ShownCertificate,
  standingProblem,
  verifyAttested,
  verifyAttestedCertificate,
} from './verify-attested.ts'
