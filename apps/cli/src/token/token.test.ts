/** The commands on what an attestation service that listens has signed. */

import { base64UrlOf, utf8Of } from '@sealward/attestation/bytes'
import { createPassport, type Identity } from '@sealward/enclave/identity'
import { type Server, systemRandom } from '@sealward/enclave/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAttestationService } from '../../../../services/attestation-service/src/app.ts'
import type { Instance } from '../../../../services/attestation-service/src/instance.ts'
import { fixedDenials } from '../../../../services/attestation-service/src/revocation/denials.ts'
import {
  type Attester,
  attestBodyOf,
  createAttester,
  deployment,
  issuer,
  startOfTests,
} from '../../../../services/attestation-service/src/testing/attester.fixtures.ts'
import { openScratch } from '../evidence/command.fixtures.ts'
import { run } from '../program.ts'
import type { Surroundings } from '../surroundings.ts'
import { spanOf } from './print-token.ts'

const scratch = openScratch()
let attester: Attester
let server: Server
let url: string
let workload: Identity
let pin: string
let jwks: string
const audience = `${deployment}:cache-gateway`
const files: Record<string, string> = {}

beforeAll(async () => {
  attester = await createAttester()
  server = createAttestationService(attester.deps)
  url = `http://127.0.0.1:${(await server.listen()).port}`
  workload = await attester.workload()
  pin = attester.signingKey.signer
  jwks = await saved('/certs')
  const passport = createPassport({
    identity: workload,
    attestation: { issuer, url },
    clock: attester.clock,
    random: systemRandom,
  })
  const [token, access] = [await passport.token(), await passport.accessToken(audience, 'cache')]
  await passport.close()
  if (!token.ok || !access.ok) throw new Error('no tokens')
  files['attestation-token'] = scratch.written(token.value)
  files['access-token'] = scratch.written(access.value.token)
  files['deny-list'] = await saved('/deny-list')
  files['challenge'] = await saved('/challenge', { method: 'POST' })
  files['policy-result'] = await saved('/policies/SgxEnclave?api-version=2025-06-01')
  files['ear'] = await saved('/attest/SgxEnclave?api-version=2025-06-01', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/eat+jwt' },
    body: JSON.stringify(await attestBodyOf(workload)),
  })
})
afterAll(async () => {
  await server.close()
  await attester.close()
  scratch.remove()
})

async function saved(path: string, init: RequestInit = {}): Promise<string> {
  const answer = await fetch(`${url}${path}`, init)
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return scratch.written(await answer.text())
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function token(...parameters: readonly string[]): Promise<Ran> {
  let [out, err] = ['', '']
  const surroundings: Surroundings = {
    effects: {
      fetch: globalThis.fetch,
      clock: { now: () => startOfTests + 120 },
      random: systemRandom,
      sleep: () => Promise.resolve(),
    },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: {},
    version: '0.0.0',
    interrupted: new AbortController().signal,
  }
  const code = await run(['token', ...parameters], surroundings)
  return { code, out, err }
}

const part = (value: object): string => base64UrlOf(utf8Of(JSON.stringify(value)))

async function warningsOf(
  header: object,
  claims: object,
  signature = 'AAAA',
): Promise<readonly string[]> {
  const file = scratch.written(`${part(header)}.${part(claims)}.${signature}`)
  const { code, out } = await token('inspect', file, '--json')
  expect(code).toBe(0)
  const { warnings } = JSON.parse(out) as { warnings: readonly { code: string }[] }
  return warnings.map((one) => one.code)
}

describe('inspect', () => {
  test.each([
    'attestation-token',
    'access-token',
    'deny-list',
    'challenge',
    'policy-result',
    'ear',
  ])('tells that it is one: %s', async (kind) => {
    const { code, out } = await token('inspect', files[kind] ?? '', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      verified: false,
      kind,
      header: { alg: 'RS256', kid: attester.signingKey.kid },
      claims: { iss: issuer },
    })
  })

  test('says first that nothing is verified, and times as people count them', async () => {
    const { out } = await token('inspect', files['access-token'] ?? '')
    expect(out.split('\n')[0]).toMatch(/^NOT VERIFIED: /)
    expect(out).toMatch(/^Issued +2026-11-23T00:00:00Z, 2 min ago$/m)
    expect(out).toMatch(/^Ends +2026-11-23T00:05:00Z, in 3 min$/m)
    expect(out).toMatch(/Warning: simulated: /)
  })

  const right = { alg: 'RS256', kid: 'a', typ: 'at+jwt' }
  const lives = { iss: 'https://a.example', iat: startOfTests, exp: startOfTests + 300 }
  test.each<[string, object, object, string?]>([
    ['unsecured', { ...right, alg: 'none' }, lives, ''],
    ['unsecured', { ...right, alg: 'NoNe' }, lives],
    ['unsecured', right, lives, ''],
    ['wrong-algorithm', { ...right, alg: 'HS256' }, lives],
    ['unknown-extension', { ...right, crit: ['b64'] }, lives],
    ['key-in-header', { ...right, jwk: {} }, lives],
    ['jku-elsewhere', { ...right, jku: 'https://b.example/certs' }, lives],
    ['without-kid', { ...right, kid: undefined }, lives],
    ['without-end', right, { ...lives, exp: undefined }],
    ['expired', right, { ...lives, exp: startOfTests + 120 }],
    ['not-yet-valid', right, { ...lives, nbf: startOfTests + 121 }],
    ['lives-too-long', right, { ...lives, exp: startOfTests + 301 }],
    ['unknown-kind', { ...right, typ: 'logout+jwt' }, lives],
    ['debug', right, { ...lives, sealward: { debug: true } }],
  ])('warns: %s', async (code, header, claims, signature) => {
    expect(await warningsOf(right, { ...lives, iss: 'https://a.example' })).toEqual([])
    expect(await warningsOf(header, claims, signature)).toEqual([code])
  })

  test('lets nothing that somebody else wrote steer a terminal', async () => {
    const escaping = String.fromCharCode(27)
    const file = scratch.written(`${part({ alg: `${escaping}[2J` })}.${part({ iss: escaping })}.`)
    const { out } = await token('inspect', file)
    expect(out).not.toContain(escaping)
  })

  test.each(['', 'a', 'a.b.c', 'e30.W10.', '{"token": 7}', 'e30.e30', 'e30.e30.a.b'])(
    'cannot read %j',
    async (text) => {
      const { code, out, err } = await token('inspect', scratch.written(text), '--json')
      expect(code).toBe(2)
      expect(JSON.parse(out)).toMatchObject({
        verified: false,
        problem: { code: 'token-malformed' },
      })
      expect(err).toContain('token-malformed')
    },
  )

  test('cannot read what is not there', async () => {
    expect((await token('inspect', '/nowhere')).code).toBe(2)
  })
})

describe('verify', () => {
  const pinned = () => ['--issuer', issuer, '--signer', pin, '--jwks', jwks]

  async function refusal(...parameters: readonly string[]): Promise<string> {
    const { code, out } = await token('verify', ...parameters, '--json')
    const said = JSON.parse(out) as { problem?: { code: string } }
    return `${code} ${said.problem?.code ?? 'verified'}`
  }

  test.each(['attestation-token', 'access-token', 'deny-list', 'challenge', 'ear'])(
    'believes what the pinned key has signed: %s',
    async (kind) => {
      const at = kind === 'challenge' ? ['--at', '2026-11-23T00:01:00Z'] : []
      const { code, out } = await token('verify', files[kind] ?? '', ...pinned(), ...at)
      expect(out.split('\n')[0]).toMatch(/^VERIFIED: /)
      expect(code).toBe(0)
    },
  )

  test('an answer about a policy is nobody’s attestation', async () => {
    expect(await refusal(files['policy-result'] ?? '', ...pinned())).toBe('1 claim-missing')
  })

  test('takes pins, certificates or a key set, and asks the service for what it publishes', async () => {
    const file = files['attestation-token'] ?? ''
    const pem = scratch.written(
      `-----BEGIN CERTIFICATE-----\n${attester.signingKey.jwk.x5c?.[0] ?? ''}\n-----END CERTIFICATE-----\n`,
    )
    for (const signer of [jwks, pem]) {
      expect(await refusal(file, '--issuer', issuer, '--signer', signer, '--jwks', jwks)).toBe(
        '0 verified',
      )
    }
    const online = ['--issuer', issuer, '--signer', pin, '--service', url]
    const { code, out } = await token('verify', file, ...online)
    expect(code).toBe(0)
    expect(out).not.toContain('No --deny-list')
    const nowhere = ['--issuer', issuer, '--signer', pin, '--service', 'http://127.0.0.1:1']
    expect(await refusal(file, ...nowhere)).toBe('3 attestation-service-unavailable')
  })

  test('refuses another issuer, another signer, another time', async () => {
    const file = files['attestation-token'] ?? ''
    const other = 'A'.repeat(43)
    const cases = [
      [['--issuer', `${issuer}/`, '--signer', pin, '--jwks', jwks], '1 wrong-issuer'],
      [['--issuer', issuer, '--signer', other, '--jwks', jwks], '1 unknown-signer'],
      [[...pinned(), '--at', '2026-11-23T02:00:00Z'], '1 expired'],
      [[...pinned(), '--at', '2026-11-22T00:00:00Z'], '1 not-yet-valid'],
      [[...pinned(), '--at', 'today'], '2 instant-malformed'],
      [['--issuer', issuer, '--signer', pin], '2 usage'],
      [['--issuer', issuer, '--signer', pin, '--jwks', '/nowhere'], '2 file-unreadable'],
      [['--issuer', issuer, '--signer', '/nowhere', '--jwks', jwks], '2 file-unreadable'],
      [['--issuer', issuer, '--signer', pin, '--jwks', file], '2 jwks-malformed'],
    ] as const
    for (const [parameters, expected] of cases) {
      expect(await refusal(file, ...parameters)).toBe(expected)
    }
    // The file may come last: an option takes one value.
    const last = await token('verify', '--issuer', issuer, '--jwks', jwks, '--signer', pin, file)
    expect(last.code).toBe(0)
    expect((await token('verify', file, '--signer', pin)).code).toBe(2)
  })

  test('asks for what the caller names: audience, purpose, holder, policy', async () => {
    const access = files['access-token'] ?? ''
    const own = scratch.written(workload.tls.certificatePem)
    const der = scratch.written(workload.tls.certificate)
    const other = scratch.written((await attester.workload()).tls.certificatePem)
    const cases = [
      [['--audience', audience], '0 verified'],
      [['--audience', `${deployment}:diagnostics`], '1 wrong-audience'],
      [['--purpose', 'cache'], '0 verified'],
      [['--purpose', 'interpretation'], '1 wrong-purpose'],
      [['--certificate', own], '0 verified'],
      [['--certificate', der], '0 verified'],
      [['--certificate', other], '1 wrong-holder'],
      [['--certificate', access], '2 certificate-malformed'],
      [['--policy-hash', 'A'.repeat(43), '--policy-hash', attester.policyHash], '0 verified'],
      [['--policy-hash', 'A'.repeat(43)], '1 wrong-policy'],
    ] as const
    for (const [parameters, expected] of cases) {
      expect(await refusal(access, ...pinned(), ...parameters)).toBe(expected)
    }
    const attestation = files['attestation-token'] ?? ''
    expect(await refusal(attestation, ...pinned(), '--certificate', own)).toBe('0 verified')
    expect(await refusal(attestation, ...pinned(), '--certificate', other)).toBe('1 wrong-holder')
    expect(await refusal(attestation, ...pinned(), '--audience', audience)).toBe('2 usage')
    const ear = [files['ear'] ?? '', ...pinned(), '--policy-hash']
    expect(await refusal(...ear, attester.policyHash)).toBe('0 verified')
    expect(await refusal(...ear, 'A'.repeat(43))).toBe('1 wrong-policy')
    expect(await refusal(files['deny-list'] ?? '', ...pinned(), '--certificate', own)).toBe(
      '2 usage',
    )
  })

  test('goes by a deny list and its age, and says when it has none', async () => {
    const access = files['access-token'] ?? ''
    const { out } = await token('verify', access, ...pinned())
    for (const option of ['--deny-list', '--policy-hash', '--certificate', '--audience']) {
      expect(out).toContain(`No ${option} was given`)
    }
    const list = ['--deny-list', files['deny-list'] ?? '']
    expect(await refusal(access, ...pinned(), ...list)).toBe('0 verified')
    expect(await refusal(access, ...pinned(), ...list, '--max-age', '119')).toBe(
      '1 deny-list-stale',
    )
    expect(await refusal(access, ...pinned(), '--deny-list', access)).toBe('1 wrong-type')
    const denying = await serving({
      ...attester.deps.instance,
      denials: fixedDenials([{ kind: 'measurement', value: 'e1'.repeat(32) }]),
    })
    const answer = await fetch(`${denying.url}/deny-list`)
    const denies = ['--deny-list', scratch.written(await answer.text())]
    const online = ['--issuer', issuer, '--signer', pin, '--service', denying.url]
    for (const kind of ['access-token', 'attestation-token', 'ear']) {
      const file = files[kind] ?? ''
      expect(await refusal(file, ...pinned(), ...denies)).toBe('1 measurement-denied')
      expect(await refusal(file, ...online)).toBe('1 measurement-denied')
    }
    await denying.close()
  })

  test('refuses an unsecured token and one that was changed', async () => {
    const file = files['attestation-token'] ?? ''
    const { out } = await token('inspect', file, '--json')
    const { header, claims } = JSON.parse(out) as { header: object; claims: object }
    const changed = (parts: readonly string[]): string => scratch.written(parts.join('.'))
    const unsecured = changed([part({ ...header, alg: 'none' }), part(claims), ''])
    expect(await refusal(unsecured, ...pinned())).toBe('1 unsecured')
    const longer = { ...claims, exp: startOfTests + 99_999 }
    const forged = changed([part(header), part(longer), 'A'.repeat(342)])
    expect(await refusal(forged, ...pinned())).toBe('1 bad-signature')
  })
})

async function serving(instance: Instance): Promise<{ url: string; close(): Promise<void> }> {
  const one = createAttestationService({ ...attester.deps, instances: [instance] })
  return { url: `http://127.0.0.1:${(await one.listen()).port}`, close: () => one.close() }
}

test('spans are told in the largest unit that they have two of', () => {
  expect([0, 119, 120, 7199, 7200, 172_799, 172_800].map(spanOf)).toEqual([
    '0 s',
    '119 s',
    '2 min',
    '119 min',
    '2 h',
    '47 h',
    '2 d',
  ])
})
