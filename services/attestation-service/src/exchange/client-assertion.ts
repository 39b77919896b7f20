/**
 * Proof that whoever asks holds the identity key that evidence names.
 *
 * @see RFC 7523, section 2.2 and 3
 * @module
 */

import {
  jsonOf,
  type Problem,
  type Result,
  reading,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import type { IdentityKeyJwk } from '@sealward/attestation/evidence'
import { compactVerify, errors, importJWK } from 'jose'
import { limits } from '../limits.ts'
import type { AssertionMemory, AssertionMemoryCode } from './assertion-memory.ts'

export type AssertionCode =
  | 'assertion-malformed'
  | 'assertion-signature'
  | 'assertion-issuer'
  | 'assertion-audience'
  | 'assertion-time'
  | AssertionMemoryCode

/**
 * Verifies a client assertion: ES256 by `key`, for `audience`, for a minute, for the first time.
 *
 * @param audience - the endpoint's own address.
 */
export async function verifyAssertion(
  assertion: string,
  expected: {
    readonly key: IdentityKeyJwk
    readonly audience: string
    readonly assertions: AssertionMemory
    readonly at: UnixSeconds
  },
): Promise<Result<true, Problem<AssertionCode>>> {
  const { key, at } = expected
  if (assertion.length > limits.assertionCharactersMax) {
    return refuse('assertion-malformed', 'client_assertion', 'too long')
  }
  const payload = await verifiedPayload(assertion, key)
  if (payload === undefined) {
    return refuse(
      'assertion-signature',
      'client_assertion',
      'not signed, ES256, by the identity key that the evidence names',
    )
  }
  const claims = parseAssertion(payload)
  if (!claims.ok) {
    return refuse(
      'assertion-malformed',
      `client_assertion.${claims.problem.at}`,
      claims.problem.detail,
    )
  }
  const { iss, sub, aud, iat, exp, jti } = claims.value
  if (iss !== key.kid || sub !== key.kid) {
    return refuse('assertion-issuer', 'client_assertion.iss', 'iss and sub name the identity key')
  }
  if (aud !== expected.audience) {
    return refuse(
      'assertion-audience',
      'client_assertion.aud',
      'the assertion is for another service',
    )
  }
  const skew = limits.clockSkewSeconds
  if (exp - iat > limits.assertionLifetimeSecondsMax || iat > at + skew || exp <= at - skew) {
    return refuse('assertion-time', 'client_assertion.exp', 'not made within the last minute')
  }
  return expected.assertions.admit(`${key.kid} ${jti}`, exp + skew, at)
}

async function verifiedPayload(
  assertion: string,
  key: IdentityKeyJwk,
): Promise<Uint8Array | undefined> {
  try {
    const { payload } = await compactVerify(assertion, await importJWK(key, 'ES256'), {
      algorithms: ['ES256'],
    })
    return payload
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
    throw error
  }
}

function parseAssertion(payload: Uint8Array) {
  const json = jsonOf(payload, { bytesMax: limits.assertionCharactersMax, depthMax: 2 })
  if (!json.ok) return json
  return reading(json.value, '', (top) =>
    top.object('ignored', (fields) => ({
      iss: fields.required('iss').string(128),
      sub: fields.required('sub').string(128),
      aud: fields.required('aud').string(1024),
      iat: fields.required('iat').integer(0, Number.MAX_SAFE_INTEGER),
      exp: fields.required('exp').integer(0, Number.MAX_SAFE_INTEGER),
      jti: fields.required('jti').string(limits.assertionIdCharactersMax, /^[!-~]+$/),
    })),
  )
}
