/**
 * Data that evidence commits to by its hash, and the claims that it becomes.
 *
 * @module
 */

import {
  base64UrlOf,
  jsonOf,
  ok,
  type Problem,
  type Result,
  refuse,
  withoutNul,
} from '../bytes/index.ts'
import {
  type BindingHash,
  type Digest,
  type SgxEvidence,
  type SnpEvidence,
  type TdxEvidence,
  type Verified,
  verifyInitTimeDataBinding,
  verifyRuntimeDataBinding,
} from '../verification/index.ts'
import { tokenLimits } from './limits.ts'
import { claimNames } from './names.ts'

/** Data as an attest request carries it. */
export interface BoundData {
  /** The bytes that were hashed. */
  readonly data: Uint8Array
  readonly dataType: 'JSON' | 'Binary'
  /** How they were hashed; SHA-256 unless said. */
  readonly hashAlgorithm?: BindingHash | undefined
}

export type BoundDataCode =
  | 'runtime-data-binding'
  | 'init-time-data-binding'
  | 'runtime-data-malformed'
  | 'init-time-data-malformed'

/**
 * Verifies that `evidence` binds the data, and reads what is said to be JSON.
 *
 * What is hashed are the bytes received. A NUL at their end belongs to them, and not to the JSON. Binary data becomes a
 * claim for enclaves only: Azure has no name for it elsewhere, and the hash of it is there as report data.
 */
export async function bindData(
  evidence: Verified<SgxEvidence | TdxEvidence | SnpEvidence>,
  data: {
    readonly runtimeData?: BoundData | undefined
    readonly initTimeData?: BoundData | undefined
    readonly digest?: Digest | undefined
  },
): Promise<Result<Readonly<Record<string, unknown>>, Problem<BoundDataCode>>> {
  const claims: Record<string, unknown> = {}
  const { runtimeData, initTimeData, digest } = data
  if (runtimeData !== undefined) {
    const bound = await verifyRuntimeDataBinding(
      evidence,
      runtimeData.data,
      digest,
      runtimeData.hashAlgorithm,
    )
    if (!bound.ok) return bound
    if (runtimeData.dataType === 'JSON') {
      const json = jsonObjectOf(runtimeData.data)
      if (!json.ok) return refuse('runtime-data-malformed', json.problem.at, json.problem.detail)
      claims[claimNames.runtime] = json.value
    } else if (evidence.kind === 'sgx') {
      claims[claimNames.enclaveHeldData] = base64UrlOf(runtimeData.data)
    }
  }
  if (initTimeData !== undefined) {
    const bound = await verifyInitTimeDataBinding(
      evidence,
      initTimeData.data,
      digest,
      initTimeData.hashAlgorithm,
    )
    if (!bound.ok) return bound
    if (initTimeData.dataType === 'JSON') {
      const json = jsonObjectOf(initTimeData.data)
      if (!json.ok) return refuse('init-time-data-malformed', json.problem.at, json.problem.detail)
      claims[claimNames.initTime] = json.value
    }
  }
  return ok(claims)
}

function jsonObjectOf(data: Uint8Array): Result<object> {
  const json = jsonOf(withoutNul(data), {
    bytesMax: tokenLimits.charactersMax,
    depthMax: tokenLimits.depthMax,
  })
  if (!json.ok) return json
  const { value } = json
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? ok(value)
    : refuse('wrong-type', '', 'an object expected')
}
