import type { Problem, Result } from '@sealward/attestation/bytes'
import type {
  EvidenceDocument,
  IdentityKeyJwk,
  RuntimeData,
  TeeRole,
} from '@sealward/attestation/evidence'
import type { Clock, Random } from '../effects/index.ts'
import type { EndorsementsCode, PcsClient } from '../endorsements/index.ts'
import type { Tee } from '../evidence/index.ts'
import type { TlsIdentity } from './tls-identity.ts'

export interface IdentityOptions {
  readonly tee: Tee
  readonly endorsements: PcsClient
  readonly random: Random
  readonly clock: Clock
  /** What every piece of evidence of this workload says beyond its keys. */
  readonly extras?: EvidenceExtras
}

/** What a role adds to its runtime data. */
export type EvidenceExtras = Pick<RuntimeData, 'ohttp' | 'model'>

export type EvidenceCode = EndorsementsCode | 'nonce-length'

/** The keys of one run of a workload, and evidence about them. */
export interface Identity {
  readonly role: TeeRole
  /** `urn:uuid:…` */
  readonly deployment: string
  /** The identity key: ES256; its `kid` is its RFC 7638 thumbprint. */
  readonly publicJwk: IdentityKeyJwk
  readonly kid: string
  readonly tls: TlsIdentity
  /** ES256 by the identity key: r ‖ s, 64 bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
  /** Compact JWS, ES256, header `{alg, kid, typ}`. */
  signJws(payload: Readonly<Record<string, unknown>>, typ: string): Promise<string>
  /**
   * Evidence about this workload.
   *
   * @param nonce - 32 bytes, chosen by who asks.
   * @param extras - replaces those of {@link IdentityOptions}.
   */
  evidence(
    nonce: Uint8Array,
    extras?: EvidenceExtras,
  ): Promise<Result<EvidenceDocument, Problem<EvidenceCode>>>
}

/** Makes the keys of one run. Role and deployment are those of the measured init-time data. */
export async function createIdentity(_options: IdentityOptions): Promise<Identity> {
  throw new Error('under construction')
}
