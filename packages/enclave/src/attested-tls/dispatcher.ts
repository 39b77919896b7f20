import type { Agent } from 'undici'
import type { TlsIdentity } from '../identity/tls-identity.ts'

export interface DispatcherOptions {
  readonly tls: TlsIdentity
  readonly pinnedCertificateSha256: string
  /** Connections to one origin; 1 unless said. An access token is let in on one connection only. */
  readonly connections?: number
}

/** An undici dispatcher that talks with the holder of one certificate and with nobody else. */
export function createAttestedDispatcher(_options: DispatcherOptions): Agent {
  throw new Error('under construction')
}
