/**
 * Other workloads, verified before anything is sent to them.
 *
 * @module
 */

export { firstLook } from './first-look.ts'
export { failure, failureOf, kindOf, type PeerFailure } from './peer-failure.ts'
export type { PeerTrust } from './peer-trust.ts'
export {
  attest,
  type ShownCertificate,
  standingProblem,
  verifyAttestedCertificate,
} from './verify-attested-certificate.ts'
