import type { UnixSeconds } from '@sealward/attestation/bytes'
import type { SnpProduct } from '@sealward/attestation/verification'
import type { AmdTcb } from '@sealward/attestation/x509'

/** Names one thing that an endorser publishes. */
export type EndorsementItem =
  | {
      readonly kind: 'tcb-info'
      readonly tee: IntelTee
      /** 12 digits of lower-case hex. */
      readonly fmspc: string
      readonly baseline: TcbBaseline
    }
  | { readonly kind: 'qe-identity'; readonly tee: IntelTee; readonly baseline: TcbBaseline }
  | { readonly kind: 'pck-crl'; readonly ca: PckCa }
  | { readonly kind: 'root-ca-crl' }
  | {
      readonly kind: 'vcek'
      readonly product: SnpProduct
      /** Lower-case hex of 64 bytes; for Turin of 8. */
      readonly chipId: string
      readonly tcb: AmdTcb
    }
  | {
      readonly kind: 'amd-chain' | 'amd-crl'
      readonly key: AmdKey
      readonly product: SnpProduct
    }

export type IntelTee = 'sgx' | 'tdx'

export type PckCa = 'platform' | 'processor'

/**
 * Which of Intel's TCB baselines: the one in force, the one that will be (published about six months
 * earlier), or the one of a TCB evaluation data number.
 */
export type TcbBaseline = 'standard' | 'early' | number

/** The key that signs reports: of one chip, or of one cloud provider. */
export type AmdKey = 'vcek' | 'vlek'

/** One endorsement as its endorser published it. Its dates were read; nothing of it is verified here. */
export interface EndorsementPiece {
  /** An answer of signed JSON byte for byte; DER of a certificate or a revocation list; PEM of AMD's chains. */
  readonly body: Uint8Array
  /** PEM, leaf first. Intel's JSON and PCK revocation lists have one. */
  readonly issuerChain?: string
  readonly issuedAt: UnixSeconds
  /** The earliest `nextUpdate` or `notAfter` in it: the first second in which nobody is given it. */
  readonly endsAt: UnixSeconds
}
