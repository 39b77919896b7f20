import { base64UrlOf, bytesOfBase64Url, utf8Of } from '@sealward/attestation/bytes'
import type { Identity } from '@sealward/enclave/identity'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AttestDeps, attest } from '../attest/attest.ts'
import { ringOf } from '../keys/key-ring.ts'
import { limits } from '../limits.ts'
import { type Attester, createAttester, newSigningKey } from '../testing/attester.fixtures.ts'
import { challengeClaims } from './challenge-claims.ts'
import { issueChallenge } from './issue-challenge.ts'

let attester: Attester
let workload: Identity
let deps: AttestDeps
beforeAll(async () => {
  attester = await createAttester({
    policy: `version=1.0; authorizationrules {
      [type=="x-sealward-challenge", value==true] => permit();
    };`,
  })
  workload = await attester.workload()
  deps = {
    ...attester.deps,
    additionalClaims: (input) => challengeClaims({ ...input, at: attester.clock.now() }),
  }
})
afterAll(() => attester.close())

interface Issued {
  readonly challenge: string
  readonly nonce: string
  readonly expires_in: number
}

const issued = async (instance = attester.deps.instance): Promise<Issued> =>
  (await issueChallenge({ ...attester.deps, instance })).body as Issued

/** What comes of evidence that binds `nonce`, sent with `beside`. */
async function outcome(nonce: string, beside: string | undefined, with_ = deps): Promise<string> {
  const { quote, runtimeData, initTimeData } = await workload.quoted(
    bytesOfBase64Url(nonce) ?? new Uint8Array(32),
  )
  const body = {
    quote: base64UrlOf(quote),
    runtimeData: { data: base64UrlOf(runtimeData), dataType: 'JSON' },
    initTimeData: { data: base64UrlOf(initTimeData), dataType: 'JSON' },
    ...(beside === undefined ? {} : { nonce: beside }),
  }
  const answer = await attest(with_, {
    type: 'SgxEnclave',
    apiVersion: '2025-06-01',
    body: utf8Of(JSON.stringify(body)),
  })
  const { token } = answer.body as { readonly token?: string }
  return token === undefined
    ? (answer.problem?.code ?? 'no problem')
    : `x-sealward-challenge ${String(decodeJwt(token)['x-sealward-challenge'])}`
}

const fresh = base64UrlOf(new Uint8Array(32).fill(3))

describe('a policy that requires a challenge', () => {
  test('permits evidence that binds one of this instance, and says so', async () => {
    const { challenge, nonce, expires_in } = await issued()
    expect(expires_in).toBe(limits.challengeLifetimeSeconds)
    expect(await outcome(nonce, challenge)).toBe('x-sealward-challenge true')
  })

  test('refuses evidence without one, and with one that it does not bind', async () => {
    const { challenge } = await issued()
    expect(await outcome(fresh, undefined)).toBe('not-permitted')
    expect(await outcome(fresh, challenge)).toBe('not-permitted')
    const other = await issued()
    expect(await outcome(other.nonce, challenge)).toBe('not-permitted')
    expect(await outcome(other.nonce, undefined)).toBe('not-permitted')
  })

  test('refuses one that has ended, and takes it again until then', async () => {
    const { challenge, nonce } = await issued()
    attester.clock.move(limits.challengeLifetimeSeconds - 1)
    expect(await outcome(nonce, challenge)).toBe('x-sealward-challenge true')
    expect(await outcome(nonce, challenge)).toBe('x-sealward-challenge true')
    attester.clock.move(6)
    expect(await outcome(nonce, challenge)).toBe('not-permitted')
    attester.clock.move(-limits.challengeLifetimeSeconds - 5)
  })

  test('refuses another instance’s, by its key and by its name', async () => {
    const { instance } = attester.deps
    const anotherKey = { ...instance, keys: ringOf(await newSigningKey()) }
    const anotherName = { ...instance, issuer: `${instance.issuer}/instances/other` }
    for (const foreign of [anotherKey, anotherName]) {
      const { challenge, nonce } = await issued(foreign)
      expect(await outcome(nonce, challenge)).toBe('not-permitted')
    }
  })

  test('permits any replica’s: they share the key and nothing more', async () => {
    const { challenge, nonce } = await issued()
    const replica = { ...deps, instance: { ...attester.deps.instance } }
    expect(await outcome(nonce, challenge, replica)).toBe('x-sealward-challenge true')
  })
})

describe('the claims about a challenge', () => {
  const about = async (runtimeData: unknown, nonce?: string) =>
    challengeClaims({
      instance: attester.deps.instance,
      runtimeData,
      nonce,
      at: attester.clock.now(),
    })

  test('are made of one inside runtime data of any JSON', async () => {
    const { challenge } = await issued()
    const yes = { 'x-sealward-challenge': true }
    expect(await about({ challenge, mine: 1 })).toEqual(yes)
    expect(await about({ nonce: challenge })).toEqual(yes)
  })

  test('say why one does not count', async () => {
    const { challenge } = await issued()
    const no = (code: string) => ({
      'x-sealward-challenge': false,
      'x-sealward-challenge-problem': code,
    })
    const [header = '', payload = '', signature = ''] = challenge.split('.')
    expect(await about({ challenge: `${header}.${payload}.${'A'.repeat(342)}` })).toEqual(
      no('bad-signature'),
    )
    const later = base64UrlOf(
      utf8Of(JSON.stringify({ ...decodeJwt(challenge), exp: attester.clock.now() + 9999 })),
    )
    expect(await about({ challenge: `${header}.${later}.${signature}` })).toEqual(
      no('bad-signature'),
    )
    const unsecured = base64UrlOf(utf8Of('{"alg":"none","typ":"challenge+jwt"}'))
    expect(await about({ challenge: `${unsecured}.${payload}.` })).toEqual(no('unsecured'))
    attester.clock.move(500)
    expect(await about({ challenge })).toEqual(no('expired'))
    attester.clock.move(-500)
  })

  test('are none without a challenge', async () => {
    const { challenge, nonce } = await issued()
    for (const data of [undefined, null, 7, 'text', [], {}, { nonce: fresh }, { challenge: 7 }]) {
      expect(await about(data)).toEqual({})
      expect(await about(data, challenge)).toEqual({})
    }
    expect(await about({ nonce })).toEqual({})
    expect(await about({ nonce }, 'not a challenge')).toEqual({})
  })
})
