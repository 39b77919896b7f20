import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { staffTokenCharactersMax } from '../limits.ts'

/** What a member of staff may do. */
export type Role = 'clerk' | 'radiologist'

const roles: readonly Role[] = ['clerk', 'radiologist']

/** Whoever stands behind a request, as the hospital's identity provider says. */
export interface Staff {
  /** Stable at the provider; goes into audit events, never into a log. */
  readonly subject: string
  readonly name: string
  readonly roles: readonly Role[]
}

export type StaffCode =
  | 'token-missing'
  | 'token-malformed'
  | 'token-refused'
  | 'token-expired'
  | 'role-missing'
  | 'identity-provider-unavailable'

/** The hospital's identity provider as the measured init-time data pins it. */
export interface IdentityExpectation {
  readonly issuer: string
  readonly audience: string
  /** Name of the claim with the roles; a dot leads into an object, as in `realm_access.roles`. */
  readonly roleClaim: string
}

/** Gives the provider's keys; `fresh` asks past the cache. */
export type StaffKeys = (options: {
  readonly fresh: boolean
}) => Promise<Result<JSONWebKeySet, Problem<'identity-provider-unavailable'>>>

/**
 * Verifies the access token of a request.
 *
 * @param authorization the header as it came.
 * @param at the instant of the request, Unix seconds.
 * @returns who it is, with at least one role, or `token-*`, `role-missing`,
 * `identity-provider-unavailable`.
 * @see RFC 9068 JWT profile for access tokens, section 4
 */
export async function verifyStaff(
  authorization: string | undefined,
  expectation: IdentityExpectation,
  keys: StaffKeys,
  at: number,
): Promise<Result<Staff, Problem<StaffCode>>> {
  const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) {
    return refuse('token-missing', 'authorization', 'Sign in: a bearer token is needed.')
  }
  if (token.length > staffTokenCharactersMax) {
    return refuse('token-malformed', 'authorization', 'The access token is too long.')
  }
  const cached = await verifyWith(token, expectation, keys, at, false)
  // A key that is not there may be new: the provider is asked once more.
  const verified =
    cached === 'unknown-key' ? await verifyWith(token, expectation, keys, at, true) : cached
  if (verified === 'unknown-key') {
    return refuse(
      'token-refused',
      'authorization',
      'No key of the identity provider signed the token.',
    )
  }
  if (!verified.ok) return verified
  const { sub, ...claims } = verified.value
  if (typeof sub !== 'string' || sub === '') {
    return refuse('token-malformed', 'sub', 'The access token does not say whose it is.')
  }
  const granted = rolesIn(claims, expectation.roleClaim)
  if (granted.length === 0) {
    return refuse('role-missing', expectation.roleClaim, 'The account has no role here.')
  }
  const name = claims['name']
  return ok({
    subject: sub,
    name: typeof name === 'string' && name !== '' ? name : sub,
    roles: granted,
  })
}

async function verifyWith(
  token: string,
  expectation: IdentityExpectation,
  keys: StaffKeys,
  at: number,
  fresh: boolean,
): Promise<Result<JWTPayload, Problem<StaffCode>> | 'unknown-key'> {
  const jwks = await keys({ fresh })
  if (!jwks.ok) return jwks
  try {
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks.value), {
      issuer: expectation.issuer,
      audience: expectation.audience,
      algorithms: ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
      requiredClaims: ['sub', 'exp', 'iat'],
      currentDate: new Date(at * 1000),
      clockTolerance: 30,
    })
    const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, '')
    if (type !== undefined && type !== 'at+jwt' && type !== 'jwt') {
      return refuse('token-refused', 'typ', 'The token is not an access token.')
    }
    return ok(payload)
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return 'unknown-key'
    if (error instanceof errors.JWTExpired) {
      return refuse('token-expired', 'exp', 'The access token has expired: sign in again.')
    }
    if (error instanceof errors.JWTClaimValidationFailed) {
      return refuse('token-refused', error.claim, 'The access token is not for this service.')
    }
    if (error instanceof errors.JOSEError) {
      return refuse('token-refused', 'authorization', 'The access token is not genuine.')
    }
    // Some malformed tokens leave the library as a plain TypeError or SyntaxError.
    if (error instanceof TypeError || error instanceof SyntaxError) {
      return refuse('token-malformed', 'authorization', 'The access token cannot be read.')
    }
    throw error
  }
}

function rolesIn(claims: JWTPayload, path: string): readonly Role[] {
  let value: unknown = claims[path]
  if (value === undefined) {
    value = claims
    for (const name of path.split('.')) {
      value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
    }
  }
  const given: readonly unknown[] = Array.isArray(value) ? value : [value]
  return roles.filter((role) => given.includes(role))
}
