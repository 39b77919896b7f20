/**
 * Policies that strangers write: as text, over claims, and as queries over JSON.
 *
 * @module
 */

import { jsonOf, type Result, reading } from '@sealward/attestation/bytes'
import {
  describeExplanation,
  diffPolicies,
  evaluatePolicy,
  explainPolicy,
  incomingClaims,
  lintPolicy,
  type Policy,
  type PolicyClaim,
  parsePolicy,
  policyLimits,
  printPolicy,
} from '@sealward/attestation/policy'

type Outcome = Pick<Result<unknown>, 'ok'>

/** Parses, warns, prints and parses again: what was printed must mean the same. */
export function policyText(input: Uint8Array): Outcome {
  const text = new TextDecoder().decode(input)
  const policy = parsePolicy(text)
  if (!policy.ok) return policy
  lintPolicy(policy.value)
  const printed = printPolicy(policy.value)
  const again = parsePolicy(printed)
  // Escapes make text longer: what is at its limit may be past it once it is printed.
  if (!again.ok) {
    if (again.problem.code === 'policy-too-long') return again
    throw new Error(`printed, and no policy any more: ${again.problem.code}`)
  }
  if (printPolicy(again.value) !== printed) throw new Error('printed differently the second time')
  const { version, sections } = diffPolicies(policy.value, again.value, [], policyLimits)
  if (version !== undefined || sections.length > 0) throw new Error('printed as something else')
  return { ok: decided(policy.value, claims) }
}

/** `{policy, claims}` in JSON: evaluates the one over the other, and explains it. */
export function policyEvaluation(input: Uint8Array): Outcome {
  const json = jsonOf(input, { bytesMax: 1_048_576, depthMax: 16 })
  if (!json.ok) return json
  const fields = reading(json.value, '', (top) =>
    top.object('ignored', (of) => {
      of.required('claims').object('ignored', () => undefined)
      return of.required('policy').string(policyLimits.charactersMax)
    }),
  )
  const policy = fields.ok ? parsePolicy(fields.value) : fields
  if (!policy.ok) return policy
  const of = json.value as { readonly claims: Readonly<Record<string, unknown>> }
  return { ok: decided(policy.value, incomingClaims(of.claims)) }
}

/** `{query, json}` in JSON: what a policy finds in the one by the other. */
export function policyQuery(input: Uint8Array): Outcome {
  const json = jsonOf(input, { bytesMax: 1_048_576, depthMax: 32 })
  if (!json.ok || typeof json.value !== 'object' || json.value === null) return { ok: false }
  const found = incomingClaims(json.value as Readonly<Record<string, unknown>>)
  return evaluatePolicy(querying, found, policyLimits)
}

/** Evaluates and explains, which must come to the same; answers whether evaluation came to an end of its own. */
function decided(policy: Policy, over: readonly PolicyClaim[]): boolean {
  const result = evaluatePolicy(policy, over, policyLimits)
  const explanation = explainPolicy(policy, over, policyLimits)
  if ((explanation.verdict === 'permitted') !== result.ok) throw new Error('explained otherwise')
  describeExplanation(explanation)
  return result.ok || ['denied', 'not-permitted'].includes(result.problem.code)
}

const claims = incomingClaims({
  'x-ms-attestation-type': 'sgx',
  'x-ms-sgx-is-debuggable': false,
  'x-ms-sgx-mrsigner': 'ab'.repeat(32),
  'x-ms-sgx-svn': 2,
  'x-ms-runtime': { keys: [{ kid: 'a', n: [1, 2, 3] }, { kid: 'b' }], user: { 'wx+1': null } },
})

const querying = policyOf(`version=1.2;
authorizationrules { => permit(); };
issuancerules {
  q:[type=="query"] && j:[type=="json"] => issue(type="found", value=JmesPath(j.value, q.value));
};`)

function policyOf(text: string): Policy {
  const policy = parsePolicy(text)
  if (!policy.ok) throw new Error(policy.problem.detail)
  return policy.value
}
