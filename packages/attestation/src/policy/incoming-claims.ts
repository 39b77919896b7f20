import type { ClaimIssuer, PolicyClaim } from './policy.ts'

/**
 * The claims that a policy sees, of claims as a token has them.
 *
 * Text, integers and booleans are seen as they are. An object, a list, and a number that is no integer within 53 bits
 * are seen as the text of their JSON, for `JmesPath` and `JsonToClaimValue` to read, as Azure documents it; `null` is
 * not seen.
 */
export function incomingClaims(
  claims: Readonly<Record<string, unknown>>,
  issuer: ClaimIssuer = 'AttestationService',
): readonly PolicyClaim[] {
  return Object.entries(claims).flatMap(([type, value]): readonly PolicyClaim[] => {
    if (value === null || value === undefined) return []
    if (typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)) {
      return [{ type, value: value as PolicyClaim['value'], issuer }]
    }
    const json = JSON.stringify(value) as string | undefined
    return json === undefined ? [] : [{ type, value: json, issuer }]
  })
}
