import type { PcsClient } from '../endorsements/index.ts'
import type { Identity } from '../identity/index.ts'
import type { PeerTrust } from '../peers/index.ts'
import { createPeerCertificates, type PeerCertificates } from './peer-certificates.ts'

/** What a workload needs to meet others on attested TLS, as client and as server. */
export interface AttestedTls {
  readonly identity: Pick<Identity, 'tls' | 'shownTls' | 'onTls' | 'sign'>
  readonly peers: PeerCertificates
  readonly trust: PeerTrust
}

/** One for all connections of a workload, so that what one has verified is known to the others. */
export function createAttestedTls(options: {
  readonly identity: AttestedTls['identity']
  readonly trust: PeerTrust
  readonly endorsements: Pick<PcsClient, 'endorsementsFor'>
  /** How long a peer is believed without being verified anew; 900 unless said. */
  readonly rememberedSeconds?: number
}): AttestedTls {
  const { identity, trust } = options
  return { identity, trust, peers: createPeerCertificates(options) }
}
