import type { PcsClient } from '../endorsements/index.ts'
import type { Identity } from '../identity/index.ts'
import type { PeerTrust } from '../peers/index.ts'
import { attestedTlsLimits } from './limits.ts'
import { createPeerCertificates, type PeerCertificates } from './peer-certificates.ts'

/** What a workload needs to meet others on attested TLS, as client and as server. */
export interface AttestedTls {
  readonly identity: Pick<Identity, 'tls' | 'shownTls' | 'onTls' | 'sign'>
  readonly peers: PeerCertificates
  readonly trust: PeerTrust
  /** How often open connections are asked about on which nothing is sent. */
  readonly askAgainSeconds: number
}

/** One for all connections of a workload, so that what one has verified is known to the others. */
export function createAttestedTls(options: {
  readonly identity: AttestedTls['identity']
  readonly trust: PeerTrust
  readonly endorsements: Pick<PcsClient, 'endorsementsFor'>
  /** How long a peer is believed without being verified anew; 900 unless said. */
  readonly rememberedSeconds?: number
  /** 10 unless said. */
  readonly askAgainSeconds?: number
}): AttestedTls {
  const { identity, trust, askAgainSeconds = attestedTlsLimits.askAgainSeconds } = options
  return { identity, trust, askAgainSeconds, peers: createPeerCertificates(options) }
}
