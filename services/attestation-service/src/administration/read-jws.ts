import { jsonOf, type Problem, type Result, refuse, textOf } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'
import { type PolicyJws, readPolicyJws } from './policy-jws.ts'

/**
 * The JWS in a body: bare, as Azure's clients send policies, or as a JSON string, as they send signers. Either is taken
 * for both, and white space around it is passed over.
 */
export function readJws(body: Uint8Array): Result<PolicyJws, Problem> {
  const text = textOf(body)?.trim()
  if (text === undefined) return refuse('policy-jws-malformed', 'body', 'not UTF-8')
  if (!text.startsWith('"')) return readPolicyJws(text)
  const json = jsonOf(body, { bytesMax: limits.bodyBytesMax, depthMax: 0 })
  if (!json.ok) return json
  return typeof json.value === 'string'
    ? readPolicyJws(json.value)
    : refuse('policy-jws-malformed', 'body', 'a JSON string expected')
}
