import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import {
  at,
  createServiceKey,
  issuer,
  type ServiceKey,
  signToken,
} from '../channel/deployment.fixtures.ts'
import {
  challengeNonceOf,
  challengeType,
  isChallenge,
  type SignatureTrust,
  verifyChallenge,
} from './index.ts'

let service: ServiceKey
let trust: SignatureTrust
beforeAll(async () => {
  service = await createServiceKey()
  trust = { issuer, jwks: service.jwks, signers: [service.pin], at, clockSkewSeconds: 0 }
})

const claims = { iss: issuer, iat: at, nbf: at, exp: at + 120, jti: 'one' }

async function outcome(
  changes: Readonly<Record<string, unknown>> = {},
  typ: string = challengeType,
): Promise<string> {
  const text = await signToken(service, typ, { ...claims, ...changes })
  const result = await verifyChallenge(text, trust)
  return result.ok ? 'verified' : result.problem.code
}

test('a challenge counts from its first second to the one before its last', async () => {
  expect(await outcome()).toBe('verified')
  expect(await outcome({ exp: at + 1 })).toBe('verified')
  expect(await outcome({ exp: at })).toBe('expired')
  expect(await outcome({ nbf: at + 1 })).toBe('not-yet-valid')
})

test('of another issuer, without an id or of another type it is refused', async () => {
  expect(await outcome({ iss: `${issuer}/` })).toBe('wrong-issuer')
  expect(await outcome({ jti: undefined })).toBe('claim-missing')
  for (const typ of ['JWT', 'at+jwt', 'deny-list+jwt'])
    expect(await outcome({}, typ)).toBe('wrong-type')
})

test('it is told by its type, and by nothing that it says', async () => {
  expect(isChallenge(await signToken(service, challengeType, {}))).toBe(true)
  expect(isChallenge(await signToken(service, 'JWT', claims))).toBe(false)
  for (const text of ['', '.', '..', 'a.b', 'a.b.c.d', 'bnVsbA..'])
    expect(isChallenge(text)).toBe(false)
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(isChallenge(text)).toBe(false)
    }),
  )
})

test('its nonce is 32 bytes, and another for another challenge', async () => {
  const nonces = await Promise.all(['a', 'b', 'a'].map((text) => challengeNonceOf(text)))
  expect(nonces[0]).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(nonces[0]).toBe(nonces[2])
  expect(nonces[0]).not.toBe(nonces[1])
})
