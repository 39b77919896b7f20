/**
 * Intel's list of TCB levels of one platform family.
 *
 * @see Intel SGX PCS API, version 3 (TCB info 2) and version 4 (TCB info 3), "TcbInfo"
 * @module
 */

import type { Bytes, Fields, Problem, Result, UnixSeconds } from '../bytes/index.ts'
import { componentsCount } from '../x509/index.ts'
import { tcbLevelsMax } from './limits.ts'
import {
  evaluationDataNumberMax,
  type LevelStatus,
  readDate,
  readHex,
  readingSigned,
  readLevelStatus,
  type SignedJsonCode,
} from './signed-json.ts'

/** One row: a platform at least this new has this status. */
export interface TcbLevel extends LevelStatus {
  /** SVN of TCB components 1 to 16. */
  readonly componentSvns: readonly number[]
  readonly pceSvn: number
}

/** TCB info of SGX. Parsed, and believed by nobody yet. */
export interface TcbInfo {
  readonly version: 2 | 3
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly fmspc: Bytes<6>
  /** Absent in the first form of version 2; such TCB info fits no platform. */
  readonly pceId: Bytes<2> | undefined
  readonly tcbType: number
  readonly tcbEvaluationDataNumber: number
  /** In Intel's order: the first that a platform meets is its level. */
  readonly tcbLevels: readonly TcbLevel[]
}

/**
 * Parses TCB info of version 2 or 3.
 *
 * @param text - the signed JSON text.
 * @returns the fields, or one of {@link SignedJsonCode}.
 */
export function parseTcbInfo(text: string): Result<TcbInfo, Problem<SignedJsonCode>> {
  return readingSigned(text, 'tcb_info', (fields) => {
    const version = fields.required('version').oneOf([2, 3])
    // Version 3 is the first that also exists for TDX.
    if (version === 3) fields.required('id').oneOf(['SGX'])
    const pceId = fields.optional('pceId')
    return {
      version,
      issueDate: readDate(fields.required('issueDate')),
      nextUpdate: readDate(fields.required('nextUpdate')),
      fmspc: readHex(fields.required('fmspc'), 6),
      pceId: pceId && readHex(pceId, 2),
      tcbType: fields.required('tcbType').oneOf([0]),
      tcbEvaluationDataNumber: fields
        .required('tcbEvaluationDataNumber')
        .integer(0, evaluationDataNumberMax),
      tcbLevels: fields
        .required('tcbLevels')
        .list(
          tcbLevelsMax,
          (level) => level.object('ignored', (row) => readLevel(row, version)),
          1,
        ),
    }
  })
}

function readLevel(level: Fields, version: 2 | 3): TcbLevel {
  const read = version === 2 ? readComponentsOfVersion2 : readComponentsOfVersion3
  const tcb = level.required('tcb').object('ignored', (fields) => ({
    componentSvns: read(fields),
    pceSvn: fields.required('pcesvn').integer(0, 0xffff),
  }))
  return { ...tcb, ...readLevelStatus(level) }
}

function readComponentsOfVersion2(tcb: Fields): readonly number[] {
  return Array.from({ length: componentsCount }, (_, index) => {
    const number = String(index + 1).padStart(2, '0')
    return tcb.required(`sgxtcbcomp${number}svn`).integer(0, 0xff)
  })
}

function readComponentsOfVersion3(tcb: Fields): readonly number[] {
  return tcb
    .required('sgxtcbcomponents')
    .list(
      componentsCount,
      (component) =>
        component.object('ignored', (fields) => fields.required('svn').integer(0, 0xff)),
      componentsCount,
    )
}
