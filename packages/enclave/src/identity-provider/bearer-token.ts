import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { createLocalJWKSet, errors, type JWTPayload, jwtVerify } from 'jose'
import { limits } from './limits.ts'
import type { ProviderKeys } from './provider-keys.ts'

/** Whoever stands behind a request, as the identity provider says. */
export interface Bearer<Role extends string> {
  /** Stable at the provider; goes into audit records, never into a log. */
  readonly subject: string
  readonly name: string
  /** Those of the roles asked about that the provider grants; at least one. */
  readonly roles: readonly Role[]
}

export type BearerCode =
  | 'token-missing'
  | 'token-malformed'
  | 'token-refused'
  | 'token-expired'
  | 'role-missing'
  | 'identity-provider-unavailable'

/** Whose tokens count, and for whom they have to be. */
export interface BearerExpectation<Role extends string> {
  readonly issuer: string
  readonly audience: string
  /** Name of the claim with the roles; a dot leads into an object, as in `realm_access.roles`. */
  readonly roleClaim: string
  /** The roles that mean something here; others are passed over. */
  readonly roles: readonly Role[]
}

/**
 * Verifies the access token of a request.
 *
 * @param authorization the header as it came.
 * @param at the instant of the request, Unix seconds.
 * @returns who it is, with at least one role, or `token-*`, `role-missing`,
 * `identity-provider-unavailable`.
 * @see RFC 9068 JWT profile for access tokens, section 4
 */
export async function verifyBearer<Role extends string>(
  authorization: string | undefined,
  expectation: BearerExpectation<Role>,
  keys: ProviderKeys,
  at: number,
): Promise<Result<Bearer<Role>, Problem<BearerCode>>> {
  const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) {
    return refuse('token-missing', 'authorization', 'Sign in: a bearer token is needed.')
  }
  if (token.length > limits.tokenCharactersMax) {
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
  const granted = rolesIn(claims, expectation)
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
  expectation: Pick<BearerExpectation<string>, 'issuer' | 'audience'>,
  keys: ProviderKeys,
  at: number,
  fresh: boolean,
): Promise<Result<JWTPayload, Problem<BearerCode>> | 'unknown-key'> {
  const jwks = await keys({ fresh })
  if (!jwks.ok) return jwks
  try {
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks.value), {
      issuer: expectation.issuer,
      audience: expectation.audience,
      algorithms: ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
      requiredClaims: ['sub', 'exp', 'iat'],
      currentDate: new Date(at * 1000),
      clockTolerance: limits.clockSkewSeconds,
    })
    const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, '')
    if (type !== undefined && type !== 'at+jwt' && type !== 'jwt') {
      return refuse('token-refused', 'typ', 'The token is not an access token.')
    }
    const other = ['at_hash', 'c_hash', 'events'].find((name) => payload[name] !== undefined)
    if (other !== undefined || otherTypes.has(String(payload['typ']))) {
      return refuse('token-refused', other ?? 'typ', 'The token is not an access token.')
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

/**
 * Keycloak says it in a claim, its header has `JWT` for all of them. Other providers' identity tokens carry hashes of what
 * they were issued with, and logout tokens events: an application with one name for itself and its service gets those
 * with the audience of the service.
 *
 * @see OpenID Connect Core 1.0, section 3.3.2.11; Back-Channel Logout 1.0, section 2.4
 */
const otherTypes: ReadonlySet<string> = new Set(['ID', 'Refresh', 'Offline', 'Logout'])

function rolesIn<Role extends string>(
  claims: JWTPayload,
  { roleClaim: path, roles }: BearerExpectation<Role>,
): readonly Role[] {
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
