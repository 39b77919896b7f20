import type { UnixSeconds } from '../bytes/index.ts'
import type { SnpReport, SnpSigningKey } from '../evidence/index.ts'
import type { AmdTcb } from '../x509/index.ts'
import type { SnpProduct } from './amd-roots.ts'

/** What a verified report and its certificates say. Hex, lower case, unless another type says otherwise. */
export interface SnpEvidence {
  readonly kind: 'snp'
  readonly report: SnpReport
  readonly product: SnpProduct
  readonly signingKey: Exclude<SnpSigningKey, 'none'>
  /** Of a VLEK: whose it is. */
  readonly cspId: string | undefined
  readonly measurement: string
  readonly hostData: string
  /** 128 digits. */
  readonly reportData: string
  readonly vmpl: number
  readonly guestSvn: number
  /** 64 bits. */
  readonly guestPolicy: bigint
  readonly familyId: string
  readonly imageId: string
  readonly idKeyDigest: string
  readonly authorKeyDigest: string
  /** 128 digits; all zero where it is masked. */
  readonly chipId: string
  readonly currentTcb: AmdTcb
  readonly committedTcb: AmdTcb
  readonly launchTcb: AmdTcb
  /** What the certificate is of. */
  readonly reportedTcb: AmdTcb
  /** Reported, not judged: appraisal decides. */
  readonly debug: boolean
  /** `unchecked`: no revocation list was asked for. */
  readonly revocation: 'good' | 'unchecked'
  readonly rootSpkiSha256: string
  /** When the first of certificates and revocation list runs out. */
  readonly earliestExpiry: UnixSeconds
  /** Hex SHA-256 of the report as received. */
  readonly hashes: { readonly report: string }
}
