/**
 * TLS 1.3 between attested workloads: mutual, self-signed, pinned by evidence instead of a CA.
 *
 * @module
 */

export {
  type Admission,
  type AdmissionCode,
  type AdmissionOptions,
  createAdmission,
} from './admission.ts'
export {
  type AttestedClient,
  type AttestedClientOptions,
  type AttestedRequest,
  type AttestedResponse,
  createAttestedClient,
  type RequestCode,
} from './attested-client.ts'
export {
  type AttestedConnection,
  type ConnectCode,
  type ConnectOptions,
  connectAttested,
  connectUnverified,
} from './connect.ts'
export { type Contact, type ContactOptions, contactPeer } from './contact.ts'
export { createAttestedDispatcher, type DispatcherOptions } from './dispatcher.ts'
export {
  type AttestedListener,
  attestedServerOptions,
  type ListenOptions,
  listenAttested,
  peerCertificateSha256,
} from './listen.ts'
