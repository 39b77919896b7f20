/**
 * What a policy says, beside what the service says.
 *
 * @module
 */

import type { Claim } from '../claims/index.ts'
import type { AttestationClaims } from './attestation-claims.ts'
import { claimNames, deprecatedClaimNames, tdxClaimNames } from './names.ts'

/**
 * Adds what a policy issued to the service's own claims.
 *
 * A policy cannot replace a claim of the service, and cannot make one that looks like the service's: such
 * claims, and those of the token itself, are left out of the top level. All of them are in `x-ms-policy`.
 * A type that was issued more than once becomes a list.
 */
export function withIssuedClaims(
  claims: AttestationClaims,
  issued: readonly Claim[],
): AttestationClaims {
  const entries = issuedEntries(issued)
  const free = entries.filter(([type]) => !Object.hasOwn(claims, type) && !isReserved(type))
  return {
    ...claims,
    ...Object.fromEntries(free),
    ...(entries.length > 0 ? { [claimNames.policy]: Object.fromEntries(entries) } : {}),
  }
}

/** What Azure's first clients read. Its policy language cannot issue these, so the service itself does. */
export function deprecatedClaimsOf(claims: AttestationClaims): AttestationClaims {
  const collateral = claims[claimNames.collateral]
  const heldData = claims[claimNames.enclaveHeldData]
  return {
    ...(collateral === undefined ? {} : { [deprecatedClaimNames.collateral]: collateral }),
    ...(heldData === undefined
      ? {}
      : Object.fromEntries(deprecatedClaimNames.enclaveHeldData.map((name) => [name, heldData]))),
  }
}

/** Each type once. */
export function issuedEntries(
  issued: readonly Claim[],
): readonly (readonly [type: string, value: Claim['value'] | readonly Claim['value'][]])[] {
  const made = new Map<string, [Claim['value'], ...Claim['value'][]]>()
  for (const { type, value } of issued) {
    const before = made.get(type)
    if (before === undefined) made.set(type, [value])
    else before.push(value)
  }
  return [...made].map(([type, values]) => [type, values.length > 1 ? values : values[0]])
}

const reserved: ReadonlySet<string> = new Set([
  ...'iss sub aud exp nbf iat jti cnf nonce eat_nonce submods __proto__'.split(' '),
  ...Object.values(tdxClaimNames),
  deprecatedClaimNames.collateral,
  ...deprecatedClaimNames.enclaveHeldData,
])

function isReserved(type: string): boolean {
  return reserved.has(type) || /^(?:x-ms-|x-sealward-|ear\.)/.test(type)
}
