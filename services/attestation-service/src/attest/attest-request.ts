/**
 * The body of a request to `/attest/…`.
 *
 * @see Azure REST API specifications, attestation data plane, `AttestSgxEnclaveRequest` and its like
 * @module
 */

import {
  bytesOfBase64Url,
  jsonOf,
  type Problem,
  type Result,
  reading,
  type Shape,
} from '@sealward/attestation/bytes'
import { policyLimits } from '@sealward/attestation/policy'
import type { BoundData } from '@sealward/attestation/token'
import { bindingHashes } from '@sealward/attestation/verification'
import { limits } from '../limits.ts'
import type { EvidenceType } from './evidence-type.ts'

export interface AttestRequest {
  readonly evidence: Uint8Array
  readonly runtimeData: BoundData | undefined
  readonly initTimeData: BoundData | undefined
  readonly nonce: string | undefined
  readonly draftPolicy: string | undefined
}

/** Fields that are not known are let pass, as Azure does: clients of later versions send more. */
export function parseAttestRequest(
  body: Uint8Array,
  { field, charactersMax }: Pick<EvidenceType, 'field' | 'charactersMax'>,
): Result<AttestRequest, Problem> {
  const json = jsonOf(body, { bytesMax: limits.attestBodyBytesMax, depthMax: limits.bodyDepthMax })
  if (!json.ok) return json
  return reading(json.value, '', (top) =>
    top.object('ignored', (fields) => ({
      evidence: encodedBytes(fields.required(field), charactersMax),
      runtimeData: boundData(fields.optional('runtimeData')),
      initTimeData: boundData(fields.optional('initTimeData')),
      nonce: fields.optional('nonce')?.string(limits.nonceCharactersMax),
      draftPolicy: fields.optional('draftPolicyForAttestation')?.string(policyLimits.charactersMax),
    })),
  )
}

function boundData(shape: Shape | undefined): BoundData | undefined {
  return shape?.object('ignored', (fields) => ({
    data: encodedBytes(fields.required('data'), limits.boundDataCharactersMax),
    dataType: fields.required('dataType').oneOf(['JSON', 'Binary']),
    // Ours: Azure always means SHA-256, workloads of Trustee mean SHA-384.
    hashAlgorithm: fields.optional('hashAlgorithm')?.oneOf(bindingHashes),
  }))
}

/** Base64url. The examples of Azure's specification have padding too, and base64: what is meant is the same. */
function encodedBytes(shape: Shape, charactersMax: number): Uint8Array {
  const text = shape.string(charactersMax)
  const isPadded = text.endsWith('=') && text.length % 4 === 0
  const bare = isPadded ? text.replace(/={1,2}$/, '') : text
  return (
    bytesOfBase64Url(bare.replaceAll('+', '-').replaceAll('/', '_')) ??
    shape.fail('wrong-value', 'base64url expected')
  )
}
