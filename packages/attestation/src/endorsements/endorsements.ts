import type { Bytes, Problem, Result, UnixSeconds } from '../bytes/index.ts'
import type { EndorsementsJson } from '../evidence/index.ts'

/** The shape that endorsements travel in. */
export type Endorsements = EndorsementsJson

/** Intel's names, verbatim. */
export type TcbStatus =
  | 'UpToDate'
  | 'SWHardeningNeeded'
  | 'ConfigurationNeeded'
  | 'ConfigurationAndSWHardeningNeeded'
  | 'OutOfDate'
  | 'OutOfDateConfigurationNeeded'
  | 'Revoked'

/** One row of TCB info: a platform at least this new has this status. */
export interface TcbLevel {
  /** SVN of TCB components 1 to 16. */
  readonly componentSvns: readonly number[]
  readonly pceSvn: number
  readonly tcbDate: UnixSeconds
  readonly tcbStatus: TcbStatus
  readonly advisoryIds: readonly string[]
}

/** Intel's list of TCB levels of one platform family. */
export interface TcbInfo {
  readonly version: 2 | 3
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly fmspc: Bytes<6>
  readonly pceId: Bytes<2>
  readonly tcbType: number
  readonly tcbEvaluationDataNumber: number
  /** In Intel's order: the first that a platform meets is its level. */
  readonly tcbLevels: readonly TcbLevel[]
}

/** One row of a QE identity. */
export interface QeTcbLevel {
  readonly isvSvn: number
  readonly tcbDate: UnixSeconds
  readonly tcbStatus: TcbStatus
  readonly advisoryIds: readonly string[]
}

/** Intel's description of its quoting enclave. */
export interface QeIdentity {
  readonly version: 2
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly tcbEvaluationDataNumber: number
  readonly miscSelect: Bytes<4>
  readonly miscSelectMask: Bytes<4>
  readonly attributes: Bytes<16>
  readonly attributesMask: Bytes<16>
  readonly mrSigner: Bytes<32>
  readonly isvProdId: number
  readonly tcbLevels: readonly QeTcbLevel[]
}

/** Checks the shape of endorsements: field names, types, sizes. What is inside is not looked at. */
export function parseEndorsements(_json: unknown): Result<Endorsements, Problem<string>> {
  throw new Error('under construction')
}
