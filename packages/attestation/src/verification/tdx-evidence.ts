import type { TdxQuote } from '../evidence/index.ts'
import type { DcapEvidence } from './dcap-evidence.ts'

/** What a verified quote of a trust domain and its endorsements say. Hex, lower case, unless another type says otherwise. */
export interface TdxEvidence extends DcapEvidence {
  readonly kind: 'tdx'
  readonly quote: TdxQuote
  readonly mrTd: string
  /** RTMR0 to RTMR3. */
  readonly rtmr: readonly [string, string, string, string]
  readonly mrConfigId: string
  readonly mrOwner: string
  readonly mrOwnerConfig: string
  readonly mrSeam: string
  readonly mrSignerSeam: string
  readonly seamAttributes: string
  readonly tdAttributes: string
  readonly xfam: string
  readonly teeTcbSvn: string
  /** Of reports of TDX 1.5. */
  readonly teeTcbSvn2: string | undefined
  /** Of reports of TDX 1.5; all zero: no service domain is bound. */
  readonly mrServiceTd: string | undefined
  /** 128 digits. */
  readonly reportData: string
  /** Reported, not judged: appraisal decides. */
  readonly debug: boolean
}
