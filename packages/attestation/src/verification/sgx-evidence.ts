import type { SgxQuote } from '../evidence/index.ts'
import type { DcapEvidence } from './dcap-evidence.ts'

/** What a verified quote of an enclave and its endorsements say. */
export interface SgxEvidence extends DcapEvidence {
  readonly kind: 'sgx'
  readonly quote: SgxQuote
  /** Hex. */
  readonly mrEnclave: string
  /** Hex. */
  readonly mrSigner: string
  readonly isvProdId: number
  readonly isvSvn: number
  /** Hex, 32 digits: flags, then XFRM. */
  readonly attributes: string
  /** Hex, 8 digits. */
  readonly miscSelect: string
  /** Hex, 128 digits; all zero without KSS. */
  readonly configId: string
  readonly configSvn: number
  /** Hex, 128 digits. */
  readonly reportData: string
  /** Reported, not judged: appraisal decides. */
  readonly debug: boolean
}
