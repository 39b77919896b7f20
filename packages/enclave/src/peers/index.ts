/**
 * Other workloads, verified before anything is sent to them.
 *
 * @module
 */

export {
  attest,
  failure,
  failureOf,
  kindOf,
  type PeerFailure,
  type PeerTrust,
  type ShownCertificate,
  standingProblem,
  verifyAttestedCertificate,
} from './verify-attested-certificate.ts'
