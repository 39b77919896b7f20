import fc from 'fast-check'
import { CompactSign, exportJWK, generateKeyPair } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { base64UrlOf, bytesOfBase64Url, concat, hexOf } from '../bytes/index.ts'
import {
  at,
  createDeployment,
  createServiceKey,
  type Deployment,
  denyListClaims,
  denyListTrustOf,
  forged,
  issuer,
  random,
  type ServiceKey,
  signToken,
  type Tee,
} from '../channel/deployment.fixtures.ts'
import { denyListProblem } from './deny-list.ts'
import {
  challengeType,
  type DenyKind,
  deniableOf,
  denialOf,
  deniedOf,
  denyKinds,
  denyListType,
  type SignatureTrust,
  type SigningJwk,
  signerOf,
  verifyAttestationResult,
  verifyAttestationToken,
  verifyDenyList,
} from './index.ts'

let world: Deployment
let service: ServiceKey
let tee: Tee
let token: string
let trust: SignatureTrust
beforeAll(async () => {
  world = await createDeployment()
  service = world.service
  tee = await world.tee('platform', random.bytes(32))
  token = await world.token(tee)
  trust = { issuer, jwks: service.jwks, signers: [service.pin], at, clockSkewSeconds: 30 }
})

type Entries = Parameters<typeof deniedOf>[0]

const sign = (changes: Readonly<Record<string, unknown>> = {}, typ = denyListType as string) =>
  signToken(service, typ, { ...denyListClaims(), ...changes })

async function outcome(
  text: string,
  changes: Partial<Parameters<typeof verifyDenyList>[1]> = {},
): Promise<string> {
  const list = await verifyDenyList(text, { ...trust, ...changes })
  return list.ok ? 'verified' : list.problem.code
}

describe('a deny list', () => {
  test('is verified and read', async () => {
    const denied: Entries = [
      { kind: 'policy', value: 'A'.repeat(43) },
      { kind: 'measurement', value: '0f'.repeat(48) },
    ]
    const text = await signToken(service, denyListType, denyListClaims(denied, 7))
    expect(await verifyDenyList(text, trust)).toMatchObject({
      ok: true,
      value: {
        issuer,
        sequence: 7,
        issuedAt: at,
        signer: service.pin,
        denied: {
          measurement: new Set(['0f'.repeat(48)]),
          policy: new Set(['A'.repeat(43)]),
          signer: new Set(),
          platform: new Set(),
          token: new Set(),
        },
      },
    })
  })

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['wrong-issuer', { iss: 'https://else.example' }],
    ['not-yet-valid', { iat: at + 31 }],
    ['deny-list-stale', { exp: at - 30 }],
    ['claim-missing', { seq: undefined }],
    ['claim-missing', { denied: undefined }],
    ['claim-missing', { denied: { measurement: [] } }],
    ['token-malformed', { seq: -1 }],
    ['token-malformed', { seq: '8' }],
    ['token-malformed', { denied: { ...fullDenied(), vendor: [] } }],
    ['token-malformed', { denied: { ...fullDenied(), measurement: ['AB'.repeat(32)] } }],
    ['token-malformed', { denied: { ...fullDenied(), platform: ['0'.repeat(63)] } }],
  ])('is refused: %s %j', async (code, changes) => {
    expect(await outcome(await sign(changes))).toBe(code)
  })

  test('is refused when it is older than one that was seen before', async () => {
    const text = await sign({ seq: 5 })
    expect(await outcome(text, { known: { sequence: 5 } })).toBe('verified')
    expect(await outcome(text, { known: { sequence: 6 } })).toBe('deny-list-rolled-back')
  })

  test('is no token, and nothing else that the service signs is one', async () => {
    for (const typ of ['JWT', 'at+jwt', 'eat+jwt', challengeType]) {
      expect(await outcome(await sign({}, typ))).toBe('wrong-type')
    }
    const list = await sign()
    const denyList = { unchecked: 'not asked' }
    for (const verify of [verifyAttestationToken, verifyAttestationResult]) {
      expect(await verify(list, { ...trust, denyList })).toMatchObject({
        problem: { code: 'wrong-type' },
      })
    }
  })

  test('is refused from another key of the same name, and unsecured', async () => {
    const other = await createServiceKey()
    expect(await outcome(await signToken(other, denyListType, denyListClaims()))).toBe(
      'bad-signature',
    )
    const unsecured = forged({ alg: 'none', typ: denyListType, kid: service.kid }, denyListClaims())
    expect(await outcome(unsecured)).toBe('unsecured')
  })

  test('with as many entries as one may have is read, and with one more is not', async () => {
    const value = (index: number): string => index.toString(16).padStart(96, '0')
    const values = Array.from({ length: 1025 }, (_, index) => value(index))
    const largest = { ...fullDenied(), measurement: values.slice(0, 1024) }
    expect(await outcome(await sign({ denied: largest }))).toBe('verified')
    expect(await outcome(await sign({ denied: { ...largest, measurement: values } }))).toBe(
      'token-malformed',
    )
  })

  test('no text makes verification throw', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        expect(await outcome(text)).not.toBe('verified')
        expect(await outcome(`${(await sign()).slice(0, -4)}${text}`)).not.toBe('verified')
      }),
      { numRuns: 50 },
    )
  })
})

describe('whoever is on the list', () => {
  const deniableIn = async (kind: DenyKind): Promise<readonly string[]> => {
    const verified = await verifyAttestationToken(token, {
      ...trust,
      denyList: { unchecked: 'asked next' },
    })
    if (!verified.ok) throw new Error(verified.problem.code)
    return deniableOf(verified.value.claims, verified.value.digest)[kind]
  }
  const outcomeWith = async (entries: Entries, age = 0): Promise<string> => {
    const denyList = await denyListTrustOf(service, entries)
    const result = await verifyAttestationToken(token, { ...trust, denyList, at: at + age })
    return result.ok ? 'verified' : result.problem.code
  }

  test.each(denyKinds)('is refused by each of its values of kind %s', async (kind) => {
    const values = await deniableIn(kind)
    expect(values.length).toBe({ platform: 2, token: 2 }[kind as string] ?? 1)
    for (const value of values) {
      expect(await outcomeWith([{ kind, value }])).toBe(`${kind}-denied`)
    }
  })

  test('is refused by its digest however its signature is written: what was signed is denied', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: 'curve', alg: 'ES256' } as SigningJwk
    const signers = [(await signerOf(jwk)) ?? '']
    const payload = bytesOfBase64Url(token.split('.')[1] ?? '') ?? none
    const signed = await new CompactSign(payload)
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: 'curve' })
      .sign(privateKey)
    const byCurve = { ...trust, jwks: { keys: [jwk] }, signers }
    const unchecked = { ...byCurve, denyList: { unchecked: 'to see that it is genuine' } }
    const [verified, twin] = await Promise.all(
      [signed, twinOf(signed)].map((text) => verifyAttestationToken(text, unchecked)),
    )
    if (!verified?.ok || !twin?.ok) throw new Error('both verify, or this shows nothing')
    const denyList = await denyListTrustOf(service, [
      { kind: 'token', value: verified.value.digest },
    ])
    expect(await verifyAttestationToken(twinOf(signed), { ...byCurve, denyList })).toMatchObject({
      problem: { code: 'token-denied' },
    })
  })

  test('whose signature carries bits that mean nothing is refused: one token has one text', async () => {
    const signature = token.slice(token.lastIndexOf('.') + 1)
    const last = base64UrlAlphabet.indexOf(signature.at(-1) ?? '')
    const others = base64UrlAlphabet.slice(last + 1, (last | 0xf) + 1).split('')
    const texts = others.map((letter) => `${token.slice(0, -1)}${letter}`)
    expect(texts.length).toBeGreaterThan(0)
    for (const text of [
      ...texts,
      `${token}==`,
      `${token} `,
      `${token.slice(0, -9)}\n${token.slice(-9)}`,
    ]) {
      const result = await verifyAttestationToken(text, {
        ...trust,
        denyList: { unchecked: 'not asked' },
      })
      expect(result).toMatchObject({ problem: { code: 'token-malformed', at: 'signature' } })
    }
  })

  test('is told apart from others: no other value, and no value of another kind, denies', async () => {
    const entries: Entries = [
      { kind: 'measurement', value: '00'.repeat(32) },
      ...(await deniableIn('measurement')).map((value) => ({ kind: 'signer' as const, value })),
      ...(await deniableIn('signer')).map((value) => ({ kind: 'measurement' as const, value })),
      { kind: 'token', value: 'another-token-than-this' },
    ]
    expect(await outcomeWith(entries)).toBe('verified')
  })

  test('is refused by a list of its last second, and nobody is believed by one that is older', async () => {
    expect(await outcomeWith([], 300)).toBe('verified')
    expect(await outcomeWith([], 301)).toBe('deny-list-stale')
    const [value = ''] = await deniableIn('policy')
    expect(await outcomeWith([{ kind: 'policy', value }], 300)).toBe('policy-denied')
  })

  test('is believed by no list from the future: a clock that was set back makes none young', async () => {
    const denyList = await denyListTrustOf(service)
    const outcomeAt = (instant: number) => denyListProblem(denyList, { issuer, at: instant })
    expect(outcomeAt(at - 300)).toBeUndefined()
    expect(outcomeAt(at - 301)).toMatchObject({ problem: { code: 'deny-list-stale' } })
  })

  test('is not looked for on another issuer’s list', async () => {
    const { list, ageSecondsMax } = await denyListTrustOf(service)
    const denyList = { list: { ...list, issuer: 'https://else.example' }, ageSecondsMax }
    expect(
      await verifyAttestationToken(token, { ...trust, denyList: denyList as never }),
    ).toMatchObject({
      problem: { code: 'wrong-issuer', at: 'denyList.iss' },
    })
  })

  test('adding an entry never lets in what was refused', () => {
    const value = fc.constantFrom('a', 'b', 'c', 'd')
    const entry = fc.record({ kind: fc.constantFrom(...denyKinds), value })
    const deniable = fc.record({
      measurement: fc.array(value, { maxLength: 2 }),
      signer: fc.array(value, { maxLength: 2 }),
      platform: fc.array(value, { maxLength: 2 }),
      token: fc.array(value, { maxLength: 2 }),
      policy: fc.array(value, { maxLength: 2 }),
    })
    fc.assert(
      fc.property(fc.array(entry), entry, deniable, (entries, more, who) => {
        const before = denialOf(deniedOf(entries), who)
        const after = denialOf(deniedOf([...entries, more]), who)
        if (before !== undefined) expect(after).toBeDefined()
        const isNew = who[more.kind].includes(more.value)
        expect(after !== undefined).toBe(before !== undefined || isNew)
      }),
    )
  })
})

/** Another signature over the same, which anybody can make of one by ECDSA: `n - s` in the place of `s`. */
function twinOf(jws: string): string {
  const end = jws.lastIndexOf('.') + 1
  const signature = bytesOfBase64Url(jws.slice(end)) ?? none
  const s = BigInt(`0x${hexOf(signature.subarray(32))}`)
  const mirrored = Uint8Array.from({ length: 32 }, (_, index) =>
    Number(((orderOfP256 - s) >> BigInt(8 * (31 - index))) & 0xffn),
  )
  return jws.slice(0, end) + base64UrlOf(concat(signature.subarray(0, 32), mirrored))
}

const orderOfP256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const base64UrlAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const none = new Uint8Array()

function fullDenied(): Record<DenyKind, readonly string[]> {
  return { measurement: [], signer: [], platform: [], token: [], policy: [] }
}
