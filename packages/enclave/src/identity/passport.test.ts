import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Clock, systemClock, systemRandom } from '../effects/index.ts'
import {
  startAttestationService,
  type TestAttestationService,
} from '../testing/attestation-service.ts'
import { sampleIdentity } from '../testing/sample.ts'
import type { Identity } from './identity.ts'
import { identityLimits } from './limits.ts'
import { createPassport, type Passport } from './passport.ts'

const start = systemClock.now()
let at: number
const clock: Clock = { now: () => at }
let service: TestAttestationService
let identity: Identity
let passport: Passport

beforeEach(async () => {
  at = start
  const sample = await sampleIdentity({ clock })
  identity = sample.identity
  service = await startAttestationService(sample.vendor, clock)
  passport = createPassport({
    identity,
    attestation: { issuer: service.issuer },
    clock,
    random: systemRandom,
  })
})
afterEach(async () => {
  await passport.close()
  await service.close()
})

const attested = (): number =>
  service.asked.filter((request) => request === 'POST /attest/SgxEnclave').length

test('all who ask at once, and those who ask later, share one attestation token', async () => {
  const [first, second] = await Promise.all([passport.token(), passport.token()])
  expect(first).toMatchObject({ ok: true })
  expect(second).toEqual(first)
  at = start + 2600
  expect(await passport.token()).toEqual(first)
  expect(attested()).toBe(1)
})

test('in the last quarter of its life the token is replaced while it is still handed out', async () => {
  const first = await passport.token()
  at = start + 2701
  expect(await passport.token()).toEqual(first)
  await expect.poll(attested).toBe(2)
  // The service has answered; the passport takes the answer in a moment later.
  await expect.poll(() => passport.token()).not.toEqual(first)
  expect((await passport.token()).ok).toBe(true)
})

test('a service that is down is survived until the token runs out, and then it is unavailable', async () => {
  const first = await passport.token()
  service.failing = 503
  at = start + 3599
  expect(await passport.token()).toEqual(first)
  at = start + 3600
  expect(await passport.token()).toMatchObject({
    ok: false,
    problem: { code: 'attestation-unavailable' },
  })
  service.failing = undefined
  expect(await passport.token()).toMatchObject({ ok: true })
})

test('a refusal is told apart from a service that is down', async () => {
  service.failing = 400
  expect(await passport.token()).toMatchObject({ problem: { code: 'attestation-refused' } })
  service.failing = 429
  expect(await passport.token()).toMatchObject({ problem: { code: 'attestation-unavailable' } })
  await service.close()
  expect(await passport.token()).toMatchObject({ problem: { code: 'attestation-unavailable' } })
})

test('an access token is for its audience and this certificate, and each is a new one', async () => {
  const one = await passport.accessToken('urn:x:diagnostics', 'interpret')
  const other = await passport.accessToken('urn:x:cache-gateway', 'cache')
  if (!one.ok || !other.ok) throw new Error('refused')
  expect(one.value.expiresAt).toBe(start + 300)
  expect(decodeProtectedHeader(one.value.token)).toMatchObject({ typ: 'at+jwt' })
  expect(decodeJwt(one.value.token)).toMatchObject({
    aud: 'urn:x:diagnostics',
    purpose: 'interpret',
    cnf: { 'x5t#S256': identity.tls.certificateSha256 },
  })
  expect(decodeJwt(other.value.token).aud).toBe('urn:x:cache-gateway')
  expect(decodeJwt(one.value.token).jti).not.toBe(decodeJwt(other.value.token).jti)
  expect(attested()).toBe(1)
})

test('after the service has changed its key, the exchange is tried once more with a new token', async () => {
  expect(await passport.accessToken('a', 'b')).toMatchObject({ ok: true })
  service.rotate()
  expect(await passport.accessToken('a', 'b')).toMatchObject({ ok: true })
  expect(attested()).toBe(2)
})

test("the identity key's signatures verify by another implementation", async () => {
  const jws = await identity.signJws({ iss: 'x' }, 'JWT')
  const { payload, protectedHeader } = await jwtVerify(
    jws,
    await importJWK({ ...identity.publicJwk }),
  )
  expect(payload).toEqual({ iss: 'x' })
  expect(protectedHeader).toEqual({ alg: 'ES256', kid: identity.kid, typ: 'JWT' })
})

test('a nonce that is not 32 bytes is refused', async () => {
  expect(await identity.evidence(new Uint8Array(31))).toMatchObject({
    problem: { code: 'nonce-length' },
  })
})

test('of too many who ask for evidence at once, those beyond the limit are refused, and only they', async () => {
  const asked = Array.from({ length: identityLimits.evidenceUnderWayMax + 1 }, () =>
    identity.evidence(new Uint8Array(32)),
  )
  const answers = await Promise.all(asked)
  const codes = answers.map((answer) => (answer.ok ? 'ok' : answer.problem.code))
  expect(codes.filter((code) => code === 'ok')).toHaveLength(identityLimits.evidenceUnderWayMax)
  expect(codes.at(-1)).toBe('busy')
  expect(await identity.evidence(new Uint8Array(32))).toMatchObject({ ok: true })
})
