/**
 * Intel's description of its quoting enclave.
 *
 * @see Intel SGX PCS API, version 4, "EnclaveIdentity"
 * @module
 */

import type { Bytes, Fields, Problem, Result, UnixSeconds } from '../bytes/index.ts'
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

/** One row: an enclave or module at least this new has this status. */
export interface IsvSvnLevel extends LevelStatus {
  readonly isvSvn: number
}

/** Identity of a quoting enclave. Parsed, and believed by nobody yet. */
export interface QeIdentity {
  /** Which one: that of enclaves, or that of trust domains. */
  readonly id: 'QE' | 'TD_QE'
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
  /** In Intel's order: the first that the enclave meets is its level. */
  readonly tcbLevels: readonly IsvSvnLevel[]
}

/**
 * Parses a QE identity of version 2.
 *
 * @param text - the signed JSON text.
 * @returns the fields, or one of {@link SignedJsonCode}.
 */
export function parseQeIdentity(text: string): Result<QeIdentity, Problem<SignedJsonCode>> {
  return readingSigned(text, 'qe_identity', (fields) => {
    return {
      // QVE is described in the same form and must not stand in for one of them.
      id: fields.required('id').oneOf(['QE', 'TD_QE']),
      version: fields.required('version').oneOf([2]),
      issueDate: readDate(fields.required('issueDate')),
      nextUpdate: readDate(fields.required('nextUpdate')),
      tcbEvaluationDataNumber: fields
        .required('tcbEvaluationDataNumber')
        .integer(0, evaluationDataNumberMax),
      miscSelect: readHex(fields.required('miscselect'), 4),
      miscSelectMask: readHex(fields.required('miscselectMask'), 4),
      attributes: readHex(fields.required('attributes'), 16),
      attributesMask: readHex(fields.required('attributesMask'), 16),
      mrSigner: readHex(fields.required('mrsigner'), 32),
      isvProdId: fields.required('isvprodid').integer(0, 0xffff),
      tcbLevels: readIsvSvnLevels(fields),
    }
  })
}

/** `tcbLevels` of what is told apart by ISVSVN alone. */
export function readIsvSvnLevels(fields: Fields): readonly IsvSvnLevel[] {
  return fields
    .required('tcbLevels')
    .list(tcbLevelsMax, (level) => level.object('ignored', readLevel), 1)
}

function readLevel(level: Fields): IsvSvnLevel {
  const isvSvn = level
    .required('tcb')
    .object('ignored', (tcb) => tcb.required('isvsvn').integer(0, 0xffff))
  return { isvSvn, ...readLevelStatus(level) }
}
