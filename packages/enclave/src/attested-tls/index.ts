/**
 * TLS 1.3 between attested workloads: mutual, evidence in both certificates, and both ends proved on each connection.
 *
 * @see docs/spec/attested-tls.md
 * @module
 */

export {
  type Admission,
  type AdmissionCode,
  type AdmissionOptions,
  createAdmission,
} from './admission.ts'
export { type AttestedSession, attestedSessionOf } from './attest-session.ts'
export {
  type Asked,
  type AttestedClient,
  type AttestedClientOptions,
  type AttestedRequest,
  type AttestedResponse,
  createAttestedClient,
} from './attested-client.ts'
export { type AttestedTls, createAttestedTls } from './attested-tls.ts'
export { type AttestedConnection, type ConnectOptions, connectAttested } from './connect.ts'
export { ConnectFailure } from './connect-failure.ts'
export { createAttestedDispatcher, type DispatcherOptions } from './dispatcher.ts'
export {
  type AttestedListener,
  type AttestedServing,
  attestConnections,
  attestedServerOptions,
  type ListenOptions,
  listenAttested,
} from './listen.ts'
export type { AttestedPeer, PeerCertificates } from './peer-certificates.ts'
export { attestedRedisConnector, type RedisConnector } from './redis-connector.ts'
