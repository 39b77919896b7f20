/**
 * Intel's list of TCB levels of one platform family.
 *
 * @see Intel SGX PCS API, version 3 (TCB info 2) and version 4 (TCB info 3), "TcbInfo"
 * @module
 */

import type { Bytes, Fields, Problem, Result, UnixSeconds } from '../bytes/index.ts'
import { componentsCount } from '../x509/index.ts'
import { tcbLevelsMax, tdxModuleIdentitiesMax } from './limits.ts'
import { type IsvSvnLevel, readIsvSvnLevels } from './qe-identity.ts'
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
  /** SVN of TDX TCB components 1 to 16; in TCB info of TDX only. */
  readonly tdxComponentSvns: readonly number[] | undefined
}

/** Who signed a TDX module, and with which attributes. */
export interface TdxModule {
  readonly mrSigner: Bytes<48>
  readonly attributes: Bytes<8>
  readonly attributesMask: Bytes<8>
}

/** One generation of TDX modules. */
export interface TdxModuleIdentity extends TdxModule {
  /** `TDX_` and the module's version, two hex digits, upper case. */
  readonly id: string
  /** In Intel's order: the first that the module meets is its level. */
  readonly tcbLevels: readonly IsvSvnLevel[]
}

/** TCB info of one TEE of one platform family. Parsed, and believed by nobody yet. */
export interface TcbInfo {
  readonly id: 'SGX' | 'TDX'
  readonly version: 2 | 3
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly fmspc: Bytes<6>
  /** Absent in the first form of version 2; such TCB info fits no platform. */
  readonly pceId: Bytes<2> | undefined
  readonly tcbType: number
  readonly tcbEvaluationDataNumber: number
  /** Of TDX only. */
  readonly tdxModule: TdxModule | undefined
  /** Of TDX only, and there since TDX 1.5. */
  readonly tdxModuleIdentities: readonly TdxModuleIdentity[]
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
    const id = version === 3 ? fields.required('id').oneOf(['SGX', 'TDX']) : 'SGX'
    const isTdx = id === 'TDX'
    const identities = isTdx ? fields.optional('tdxModuleIdentities') : undefined
    const pceId = fields.optional('pceId')
    return {
      id,
      version,
      issueDate: readDate(fields.required('issueDate')),
      nextUpdate: readDate(fields.required('nextUpdate')),
      fmspc: readHex(fields.required('fmspc'), 6),
      pceId: pceId && readHex(pceId, 2),
      tcbType: fields.required('tcbType').oneOf([0]),
      tcbEvaluationDataNumber: fields
        .required('tcbEvaluationDataNumber')
        .integer(0, evaluationDataNumberMax),
      tdxModule: isTdx ? fields.required('tdxModule').object('ignored', readModule) : undefined,
      tdxModuleIdentities:
        identities?.list(tdxModuleIdentitiesMax, (one) => one.object('ignored', readIdentity)) ??
        [],
      tcbLevels: fields
        .required('tcbLevels')
        .list(
          tcbLevelsMax,
          (level) => level.object('ignored', (row) => readLevel(row, version, isTdx)),
          1,
        ),
    }
  })
}

function readModule(module: Fields): TdxModule {
  return {
    mrSigner: readHex(module.required('mrsigner'), 48),
    attributes: readHex(module.required('attributes'), 8),
    attributesMask: readHex(module.required('attributesMask'), 8),
  }
}

function readIdentity(identity: Fields): TdxModuleIdentity {
  const id = identity.required('id').string(6, /^TDX_[0-9a-fA-F]{2}$/)
  return { id: id.toUpperCase(), ...readModule(identity), tcbLevels: readIsvSvnLevels(identity) }
}

function readLevel(level: Fields, version: 2 | 3, isTdx: boolean): TcbLevel {
  const tcb = level.required('tcb').object('ignored', (fields) => ({
    componentSvns:
      version === 2
        ? readComponentsOfVersion2(fields)
        : readComponentsOfVersion3(fields, 'sgxtcbcomponents'),
    pceSvn: fields.required('pcesvn').integer(0, 0xffff),
    tdxComponentSvns: isTdx ? readComponentsOfVersion3(fields, 'tdxtcbcomponents') : undefined,
  }))
  return { ...tcb, ...readLevelStatus(level) }
}

function readComponentsOfVersion2(tcb: Fields): readonly number[] {
  return Array.from({ length: componentsCount }, (_, index) => {
    const number = String(index + 1).padStart(2, '0')
    return tcb.required(`sgxtcbcomp${number}svn`).integer(0, 0xff)
  })
}

function readComponentsOfVersion3(
  tcb: Fields,
  name: 'sgxtcbcomponents' | 'tdxtcbcomponents',
): readonly number[] {
  return tcb
    .required(name)
    .list(
      componentsCount,
      (component) =>
        component.object('ignored', (fields) => fields.required('svn').integer(0, svnMax)),
      componentsCount,
    )
}

/** A component's SVN is a byte; a sample of Intel's writes larger ones, which no platform meets. */
const svnMax = 0xffff
