import 'reflect-metadata'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { X509CertificateGenerator } from '@peculiar/x509'
import fc from 'fast-check'
import { CompactSign, exportJWK, SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  base64Of,
  base64UrlOf,
  bytesOfBase64Url,
  hexOf,
  jsonOf,
  sha256,
  utf8Of,
} from '../bytes/index.ts'
import {
  at,
  certificateSha256,
  createDeployment,
  createServiceKey,
  type Deployment,
  denyListTrustOf,
  deployment,
  expectationOf,
  forged,
  issuer,
  model,
  random,
  type ServiceKey,
  signToken,
  type Tee,
} from '../channel/deployment.fixtures.ts'
import type { TeeRole } from '../evidence/index.ts'
import { evaluatePolicy, incomingClaims, parsePolicy } from '../policy/index.ts'
import { verifySgxEvidence } from '../verification/index.ts'
import {
  type AccessTokenTrust,
  attestationClaimsOf,
  claimNames,
  type DenyKind,
  type SigningJwk,
  type SigningKeys,
  signerOf,
  type TokenTrust,
  tokenLimits,
  verifyAccessToken,
  verifyAttestationToken,
  withIssuedClaims,
} from './index.ts'

let world: Deployment
let service: ServiceKey
let tee: Tee
let attestationToken: string
let trust: TokenTrust

const audience = `${deployment}:diagnostics`

beforeAll(async () => {
  world = await createDeployment()
  service = world.service
  tee = await world.tee('platform', random.bytes(32))
  attestationToken = await world.token(tee)
  trust = {
    issuer,
    jwks: service.jwks,
    signers: [service.pin],
    at,
    clockSkewSeconds: 60,
    denyList: await denyListTrustOf(service),
  }
})

async function outcome(token: string, changes: Partial<TokenTrust> = {}): Promise<string> {
  const result = await verifyAttestationToken(token, { ...trust, ...changes })
  return result.ok ? 'verified' : result.problem.code
}

const claimsOf = (token: string): Record<string, unknown> => {
  const json = jsonOf(bytesOfBase64Url(token.split('.')[1] ?? '') ?? new Uint8Array(), {
    bytesMax: 65_536,
    depthMax: 16,
  })
  if (!json.ok) throw new Error(json.problem.code)
  return json.value as Record<string, unknown>
}

describe('an attestation token', () => {
  test('is verified and read', async () => {
    const result = await verifyAttestationToken(attestationToken, trust)
    expect(result).toMatchObject({
      ok: true,
      value: {
        issuer,
        expiresAt: at + 3600,
        signer: service.pin,
        digest: base64UrlOf(await sha256(utf8Of(attestationToken.split('.', 2).join('.')))),
        debug: false,
        tcbStatus: 'UpToDate',
        advisoryIds: [],
        simulated: true,
        evidenceRoot: world.vendor.rootSpkiSha256,
        runtimeData: { role: 'platform', keys: [tee.identityJwk] },
        initTimeData: tee.initTimeData,
      },
    })
  })

  test.each([
    ['its last second', at + 3600 + 59, 'verified'],
    ['the second after', at + 3600 + 60, 'expired'],
    ['its first second', at - 60, 'verified'],
    ['the second before', at - 61, 'not-yet-valid'],
  ])('at %s', async (_, instant, expected) => {
    const denyList = { unchecked: 'older than what is asked here' }
    expect(await outcome(attestationToken, { at: instant, denyList })).toBe(expected)
  })

  test('is refused before it was issued, whatever its nbf says', async () => {
    expect(await outcome(await world.token(tee, { iat: at + 61 }))).toBe('not-yet-valid')
  })

  test('is refused from any other issuer, by the same key', async () => {
    expect(await outcome(attestationToken, { issuer: `${issuer}/` })).toBe('wrong-issuer')
    expect(await outcome(await world.token(tee, { iss: 'https://else.example' }))).toBe(
      'wrong-issuer',
    )
  })

  test('is refused from a published key that is not pinned', async () => {
    expect(await outcome(attestationToken, { signers: [] })).toBe('unknown-signer')
    expect(await outcome(attestationToken, { signers: [`${service.pin}A`] })).toBe('unknown-signer')
  })

  test('is refused from a pinned key that is not published', async () => {
    expect(await outcome(attestationToken, { jwks: { keys: [] } })).toBe('unknown-signer')
  })

  test('is refused, and nothing throws, whatever is published in the place of keys', async () => {
    const [known] = service.jwks.keys
    const published: readonly unknown[] = [
      null,
      7,
      { ...known, n: 7 },
      { ...known, e: { length: 4 } },
      { ...known, kty: 'EC', x: 7, y: [] },
      { ...known, x5c: null },
      { ...known, x5c: 7 },
      { ...known, x5c: [7] },
      { ...known, x5c: [null] },
      { ...known, x5c: {} },
    ]
    for (const key of published) {
      const jwks = { keys: [key] } as unknown as SigningKeys
      expect(await outcome(attestationToken, { jwks })).toBe('unknown-signer')
    }
  })

  test('is refused when two keys have its kid', async () => {
    const other = await createServiceKey()
    for (const keys of [
      [...other.jwks.keys, ...service.jwks.keys],
      [...service.jwks.keys, ...other.jwks.keys],
    ]) {
      expect(await outcome(attestationToken, { jwks: { keys } })).toBe('unknown-signer')
    }
  })

  test('is refused when another key of that kid signed it', async () => {
    const other = await createServiceKey()
    const token = await signToken(other, 'JWT', claimsOf(attestationToken))
    expect(await outcome(token)).toBe('bad-signature')
  })

  test.each(['none', 'None', 'NONE'])(
    'is refused unsecured, as a draft is: alg %s',
    async (alg) => {
      const token = forged({ alg, typ: 'JWT', kid: service.kid }, claimsOf(attestationToken))
      expect(await outcome(token)).toBe('unsecured')
    },
  )

  test('is refused when its alg makes the public key a secret', async () => {
    const secret = utf8Of(JSON.stringify(service.jwk))
    const token = await new SignJWT(claimsOf(attestationToken))
      .setProtectedHeader({ alg: 'HS256', kid: service.kid, typ: 'JWT' })
      .sign(secret)
    expect(await outcome(token)).toBe('wrong-algorithm')
  })

  test.each(['PS256', 'RS384', 'RS512', 'ES384', 'EdDSA', ''])(
    'is refused with alg %s',
    async (alg) => {
      const token = forged(
        { alg, typ: 'JWT', kid: service.kid },
        claimsOf(attestationToken),
        'AAAA',
      )
      expect(await outcome(token)).toBe('wrong-algorithm')
    },
  )

  test('is refused when its alg is not its key’s', async () => {
    const token = forged({ alg: 'ES256', typ: 'JWT', kid: service.kid }, {}, 'AAAA')
    expect(await outcome(token)).toBe('wrong-algorithm')
  })

  test('is refused without a kid, and with an extension that is not known', async () => {
    expect(await outcome(forged({ alg: 'RS256', typ: 'JWT' }, {}, 'AAAA'))).toBe('unknown-signer')
    const extended = { alg: 'RS256', typ: 'JWT', kid: service.kid, crit: ['b64'], b64: false }
    expect(await outcome(forged(extended, {}, 'AAAA'))).toBe('unknown-extension')
  })

  test('is refused of another type: an access token is not one', async () => {
    const token = await signToken(service, 'at+jwt', claimsOf(attestationToken))
    expect(await outcome(token)).toBe('wrong-type')
  })

  test('is refused after a change of any character', async () => {
    for (let index = 0; index < attestationToken.length; index += 29) {
      const other = attestationToken[index] === 'A' ? 'B' : 'A'
      const changed = attestationToken.slice(0, index) + other + attestationToken.slice(index + 1)
      expect(await outcome(changed), `character ${index}`).not.toBe('verified')
    }
  })

  test('is refused when a name occurs twice in it', async () => {
    const payload = JSON.stringify(claimsOf(attestationToken)).replace('{', '{"iss":"x",')
    const token = await new CompactSign(utf8Of(payload))
      .setProtectedHeader({ alg: 'RS256', kid: service.kid, typ: 'JWT' })
      .sign(service.privateKey)
    expect(await outcome(token)).toBe('token-malformed')
  })

  test.each([
    'iss',
    'iat',
    'nbf',
    'exp',
    'jti',
    'x-ms-ver',
    'x-ms-policy-hash',
    'x-ms-attestation-type',
    'x-ms-sgx-is-debuggable',
    'x-ms-sgx-mrenclave',
    'x-sealward-simulated',
    'x-sealward-tcb-status',
  ])('is refused without %s', async (claim) => {
    expect(await outcome(await world.token(tee, { [claim]: undefined }))).toBe('claim-missing')
  })

  test.each([
    ['x-ms-sgx-is-debuggable', 'false'],
    ['x-ms-sgx-svn', '2'],
    ['x-ms-attestation-type', 'sevsnpvm'],
    ['exp', `${at + 3600}`],
    ['exp', at + 3600.5],
  ])('is refused with %s of another kind', async (claim, value) => {
    expect(await outcome(await world.token(tee, { [claim]: value }))).toBe('token-malformed')
  })

  test('is refused when it is too large, or not three parts', async () => {
    expect(await outcome('a'.repeat(tokenLimits.charactersMax + 1))).toBe('token-too-large')
    for (const text of ['', 'a', 'a.b', 'a.b.c.d', '..', `${attestationToken}.`]) {
      expect(await outcome(text)).toBe('token-malformed')
    }
  })

  test('no text makes verification throw', async () => {
    const part = fc.oneof(
      fc.string(),
      fc.json().map((text) => base64UrlOf(utf8Of(text))),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
        expect(await outcome(parts.join('.'))).not.toBe('verified')
      }),
      { numRuns: 50 },
    )
  })

  test('a tolerance for clocks that swallows a token’s life is a broken program', async () => {
    await expect(outcome(attestationToken, { clockSkewSeconds: 3600 })).rejects.toThrow(RangeError)
  })
})

describe('a signing key', () => {
  async function certificateOf(keys: CryptoKeyPair): Promise<string> {
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: 'CN=Attestation service',
      notBefore: new Date((at - 60) * 1000),
      notAfter: new Date((at + 86_400) * 1000),
      signingAlgorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
      keys,
    })
    return base64Of(new Uint8Array(certificate.rawData))
  }

  test('given by x5c alone is pinned by the certificate’s key, and verifies', async () => {
    const publicKey = await crypto.subtle.importKey(
      'jwk',
      service.jwk as JsonWebKey,
      { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
      true,
      ['verify'],
    )
    const x5c = [await certificateOf({ privateKey: service.privateKey, publicKey })]
    const jwk: SigningJwk = { kty: 'RSA', kid: service.kid, use: 'sig', alg: 'RS256', x5c }
    expect(await signerOf(jwk)).toBe(service.pin)
    expect(await outcome(attestationToken, { jwks: { keys: [jwk] } })).toBe('verified')

    // A certificate and numbers that name two keys name none.
    const other = await createServiceKey()
    const mixed = { ...(other.jwk as SigningJwk), x5c }
    expect(await signerOf(mixed)).toBeUndefined()
  })

  test('of P-256 verifies ES256', async () => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ])
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'ec' } as SigningJwk
    const token = await new SignJWT(claimsOf(attestationToken))
      .setProtectedHeader({ alg: 'ES256', kid: 'ec', typ: 'JWT' })
      .sign(pair.privateKey)
    const signers = [(await signerOf(jwk)) ?? '']
    expect(await outcome(token, { jwks: { keys: [jwk] }, signers })).toBe('verified')
    const rs256 = forged({ alg: 'RS256', kid: 'ec', typ: 'JWT' }, {}, 'AAAA')
    expect(await outcome(rs256, { jwks: { keys: [jwk] }, signers })).toBe('wrong-algorithm')
  })

  test('of RSA with 1024 bits is not used', async () => {
    const pair = await crypto.subtle.generateKey(
      {
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength: 1024,
        publicExponent: Uint8Array.of(1, 0, 1),
        hash: 'SHA-256',
      },
      true,
      ['sign', 'verify'],
    )
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'weak' } as SigningJwk
    const signers = [(await signerOf(jwk)) ?? '']
    const token = forged({ alg: 'RS256', kid: 'weak', typ: 'JWT' }, {}, 'AAAA')
    expect(await outcome(token, { jwks: { keys: [jwk] }, signers })).toBe('wrong-algorithm')
  })

  test.each<[string, SigningJwk]>([
    ['without any numbers', { kty: 'RSA', kid: 'a' }],
    ['with numbers that are none', { kty: 'RSA', kid: 'a', n: '!', e: 'AQAB' }],
    ['that is a secret', { kty: 'oct', kid: 'a' }],
    ['with a certificate that is none', { kty: 'RSA', kid: 'a', x5c: ['AAAA'] }],
    ['with an empty x5c', { kty: 'RSA', kid: 'a', x5c: [] }],
  ])('%s is none', async (_, jwk) => {
    expect(await signerOf(jwk)).toBeUndefined()
  })
})

describe('an access token', () => {
  const claims = (): Record<string, unknown> => ({
    iss: issuer,
    aud: audience,
    sub: 'platform',
    iat: at,
    nbf: at,
    exp: at + 300,
    jti: 'access-1',
    cnf: { 'x5t#S256': certificateSha256 },
    purpose: 'inference',
    sealward: sealward({}),
  })
  const sealward = (changes: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
    deployment,
    role: 'platform',
    mrEnclave: expectationOf('platform').mrEnclave[0],
    mrSigner: expectationOf('platform').mrSigner[0],
    isvProdId: 1,
    isvSvn: 2,
    debug: false,
    tcbStatus: 'UpToDate',
    configId: 'ab'.repeat(32) + '00'.repeat(32),
    simulated: true,
    policyHash: 'accepted',
    attestationToken: base64UrlOf(new Uint8Array(32)),
    attestationTokenId: 'token-1',
    platforms: ['ab'.repeat(32), '00606a000000'],
    ...changes,
  })
  const acting = (role: TeeRole, changes: Readonly<Record<string, unknown>> = {}): object => ({
    sub: role,
    sealward: sealward({ role, ...changes }),
  })
  const accessTrust = (changes: Partial<AccessTokenTrust> = {}): AccessTokenTrust => ({
    ...trust,
    audience,
    peerCertificateSha256: certificateSha256,
    policyHashes: ['accepted'],
    purposes: ['inference'],
    expectation: expectationOf('platform'),
    deployment,
    development: true,
    admitJti: () => true,
    ...changes,
  })
  const accessOutcome = async (
    changes: Readonly<Record<string, unknown>> = {},
    trusting: Partial<AccessTokenTrust> = {},
    typ = 'at+jwt',
  ): Promise<string> => {
    const token = await signToken(service, typ, { ...claims(), ...changes })
    const result = await verifyAccessToken(token, accessTrust(trusting))
    return result.ok ? 'verified' : result.problem.code
  }

  test('is verified and read', async () => {
    const token = await signToken(service, 'at+jwt', claims())
    expect(await verifyAccessToken(token, accessTrust())).toMatchObject({
      ok: true,
      value: { audience, subject: 'platform', certificateSha256, purpose: 'inference', deployment },
    })
  })

  test.each<[string, Record<string, unknown>, Partial<AccessTokenTrust>]>([
    ['wrong-issuer', { iss: 'https://else.example' }, {}],
    ['wrong-audience', { aud: `${deployment}:cache-gateway` }, {}],
    ['token-malformed', { aud: [audience] }, {}],
    ['wrong-holder', {}, { peerCertificateSha256: base64UrlOf(new Uint8Array(32)) }],
    ['claim-missing', { cnf: undefined }, {}],
    ['claim-missing', { cnf: { jkt: 'a' } }, {}],
    ['claim-missing', { jti: undefined }, {}],
    ['claim-missing', { sealward: undefined }, {}],
    ['expired', { exp: at - 60, iat: at - 300, nbf: at - 300 }, {}],
    ['not-yet-valid', { nbf: at + 61 }, {}],
    ['token-malformed', { exp: at + 301 }, {}],
    ['wrong-purpose', { purpose: 'curiosity' }, {}],
    ['wrong-purpose', {}, { purposes: [] }],
    ['wrong-policy', { sealward: sealward({ policyHash: 'another' }) }, {}],
    ['claim-missing', { sealward: sealward({ platforms: undefined }) }, {}],
    ['claim-missing', { sealward: sealward({ attestationTokenId: undefined }) }, {}],
    ['token-malformed', { may_act: { sub: 'somebody' } }, {}],
    ['actor-not-accepted', { act: acting('cache-gateway') }, {}],
    ['token-malformed', { act: { sub: 'cache-gateway', sealward: sealward({}) } }, {}],
    ['claim-missing', { act: { sub: 'cache-gateway' } }, {}],
    ['wrong-policy', {}, { policyHashes: [] }],
    ['claim-missing', { sealward: sealward({ policyHash: undefined }) }, {}],
    ['wrong-deployment', {}, { deployment: 'urn:uuid:00000000-0000-4000-8000-000000000000' }],
    ['wrong-role', {}, { expectation: expectationOf('platform', { role: 'diagnostics' }) }],
    ['token-malformed', { sub: 'diagnostics' }, {}],
    ['token-malformed', { sub: 'somebody' }, {}],
    ['wrong-measurement', {}, { expectation: expectationOf('platform', { mrEnclave: [] }) }],
    [
      'wrong-signer',
      {},
      { expectation: expectationOf('platform', { mrSigner: ['00'.repeat(32)] }) },
    ],
    ['wrong-product', {}, { expectation: expectationOf('platform', { isvProdId: 7 }) }],
    ['svn-too-low', {}, { expectation: expectationOf('platform', { isvSvnMin: 3 }) }],
    ['debug', { sealward: sealward({ debug: true }) }, {}],
    ['simulated', {}, { development: false }],
    ['tcb-status', { sealward: sealward({ tcbStatus: 'OutOfDate' }) }, {}],
    ['wrong-model', {}, { expectation: expectationOf('platform', { model }) }],
    [
      'wrong-configuration',
      {},
      { expectation: expectationOf('platform', { configId: ['cd'.repeat(32)] }) },
    ],
    ['unknown-signer', {}, { signers: [] }],
  ])('%s', async (code, changes, trusting) => {
    expect(await accessOutcome(changes, trusting)).toBe(code)
  })

  test.each<[string, Record<string, unknown>, Partial<AccessTokenTrust>]>([
    ['another policy that is accepted', {}, { policyHashes: ['another', 'accepted'] }],
    [
      'silicon where simulation is refused',
      { sealward: sealward({ simulated: false }) },
      { development: false },
    ],
    [
      'a debug enclave where that is dangerously allowed',
      { sealward: sealward({ debug: true }) },
      { expectation: expectationOf('platform', { debug: 'dangerously-allowed' }) },
    ],
    [
      'the model that is expected',
      { sealward: sealward({ model: model.sha256 }) },
      { expectation: expectationOf('platform', { model }) },
    ],
    [
      'the configuration that is expected',
      {},
      { expectation: expectationOf('platform', { configId: ['ab'.repeat(32)] }) },
    ],
  ])('lets in %s', async (_, changes, trusting) => {
    expect(await accessOutcome(changes, trusting)).toBe('verified')
  })

  test('is of everybody who acts for its holder, each as they are expected', async () => {
    const actors = [
      { ...expectationOf('platform'), role: 'cache-gateway' as const },
      { ...expectationOf('platform'), role: 'diagnostics' as const },
    ]
    const chain = (inner: object): object => ({ ...acting('cache-gateway'), act: inner })
    const act = chain(acting('diagnostics'))
    expect(await accessOutcome({ act }, { actors })).toBe('verified')
    const token = await signToken(service, 'at+jwt', { ...claims(), act })
    expect(await verifyAccessToken(token, accessTrust({ actors }))).toMatchObject({
      value: { subject: 'platform', actors: [{ role: 'cache-gateway' }, { role: 'diagnostics' }] },
    })
    const changes = [
      [{ debug: true }, 'debug'],
      [{ deployment: 'urn:uuid:00000000-0000-4000-8000-000000000000' }, 'wrong-deployment'],
      [{ policyHash: 'another' }, 'wrong-policy'],
      [{ mrEnclave: '00'.repeat(32) }, 'wrong-measurement'],
    ] as const
    for (const [change, code] of changes) {
      const inner = chain(acting('diagnostics', change))
      const wrong = await signToken(service, 'at+jwt', { ...claims(), act: inner })
      expect(await verifyAccessToken(wrong, accessTrust({ actors }))).toMatchObject({
        problem: { code, at: expect.stringMatching(/^act\.act\./) },
      })
    }
    const four = chain(chain(chain(acting('diagnostics'))))
    expect(await accessOutcome({ act: chain(chain(acting('diagnostics'))) }, { actors })).toBe(
      'verified',
    )
    expect(await accessOutcome({ act: four }, { actors })).toBe('token-malformed')
  })

  test('is denied with any of those who act', async () => {
    const actors = [{ ...expectationOf('platform'), role: 'cache-gateway' as const }]
    const act = acting('cache-gateway', { platforms: ['77'.repeat(32)] })
    const denying = (kind: DenyKind, value: string) => denyListTrustOf(service, [{ kind, value }])
    const cases = [
      [await denying('platform', '77'.repeat(32)), 'platform-denied'],
      [await denying('platform', 'ab'.repeat(32)), 'platform-denied'],
      [await denying('token', 'access-1'), 'token-denied'],
      [await denying('token', 'token-1'), 'token-denied'],
      [await denying('token', base64UrlOf(new Uint8Array(32))), 'token-denied'],
      [await denying('token', 'access-2'), 'verified'],
    ] as const
    for (const [denyList, code] of cases) {
      expect(await accessOutcome({ act }, { actors, denyList })).toBe(code)
    }
  })

  test('is not an attestation token, nor an identity token', async () => {
    expect(await accessOutcome({}, {}, 'JWT')).toBe('wrong-type')
    expect(await accessOutcome({}, {}, 'id+jwt')).toBe('wrong-type')
  })

  test('is shown once', async () => {
    const seen = new Set<string>()
    const admitJti = (jti: string): boolean => !seen.has(jti) && seen.add(jti).has(jti)
    expect(await accessOutcome({}, { admitJti })).toBe('verified')
    expect(await accessOutcome({}, { admitJti })).toBe('replayed')
    expect(await accessOutcome({ jti: 'access-2' }, { admitJti })).toBe('verified')
  })

  test('that is refused for anything else leaves no trace in the memory of what was shown', async () => {
    const asked: string[] = []
    const admitJti = (jti: string): boolean => asked.push(jti) > 0
    await accessOutcome({}, { admitJti, audience: 'another' })
    expect(asked).toEqual([])
  })
})

describe('claims of SGX evidence', () => {
  const verified = async (one: Tee) => {
    const evidence = await verifySgxEvidence({
      quote: bytesOfBase64Url(one.document.quote) ?? new Uint8Array(),
      endorsements: one.document.endorsements,
      roots: [world.vendor.rootSpkiSha256],
      at,
    })
    if (!evidence.ok) throw new Error(evidence.problem.code)
    return evidence.value
  }
  const runtimeBytes = (): Uint8Array =>
    bytesOfBase64Url(tee.document.runtimeData) ?? new Uint8Array()

  test('have Azure’s names and types', async () => {
    const evidence = await verified(tee)
    const claims = await attestationClaimsOf({
      evidence,
      runtimeData: { data: runtimeBytes(), dataType: 'JSON' },
      nonce: 'echo',
    })
    expect(claims).toMatchObject({
      ok: true,
      value: {
        nonce: 'echo',
        'x-ms-ver': '1.0',
        'x-ms-attestation-type': 'sgx',
        'x-ms-sgx-is-debuggable': false,
        'x-ms-sgx-mrenclave': evidence.mrEnclave,
        'x-ms-sgx-product-id': 1,
        'x-ms-sgx-svn': 2,
        'x-ms-sgx-config-id': evidence.configId,
        'x-ms-sgx-config-svn': 0,
        'x-ms-runtime': { role: 'platform' },
        'x-ms-sgx-collateral': {
          quotehash: hexOf(await sha256(bytesOfBase64Url(tee.document.quote) ?? new Uint8Array())),
        },
        'x-sealward-simulated': true,
        'x-sealward-evidence-expires': evidence.earliestExpiry,
      },
    })
  })

  test('give binary runtime data back as enclave-held data', async () => {
    const claims = await attestationClaimsOf({
      evidence: await verified(tee),
      runtimeData: { data: runtimeBytes(), dataType: 'Binary' },
    })
    expect(claims).toMatchObject({
      ok: true,
      value: { 'x-ms-sgx-ehd': tee.document.runtimeData },
    })
    expect(claims.ok && Object.keys(claims.value)).not.toContain('x-ms-runtime')
  })

  test('are refused for data that the evidence does not bind', async () => {
    const data = { data: utf8Of('{}'), dataType: 'JSON' } as const
    const evidence = await verified(tee)
    expect(await attestationClaimsOf({ evidence, runtimeData: data })).toMatchObject({
      problem: { code: 'runtime-data-binding' },
    })
    expect(await attestationClaimsOf({ evidence, initTimeData: data })).toMatchObject({
      problem: { code: 'init-time-data-binding' },
    })
  })

  test('go through a policy, which cannot speak for the service', async () => {
    const claims = await attestationClaimsOf({ evidence: await verified(tee) })
    if (!claims.ok) throw new Error(claims.problem.code)
    const policy = parsePolicy(`version=1.1;
      authorizationrules { [type=="x-ms-sgx-svn", value>=2] => permit(); };
      issuancerules {
        c:[type=="x-ms-sgx-mrsigner"] => issue(type="vendor", value=c.value);
        => issue(type="list", value=1); => issue(type="list", value=2);
        => issue(type="x-sealward-simulated", value=false);
        => issue(type="x-sealward-new", value=true);
        => issue(type="x-ms-runtime", value="forged");
        => issue(type="iss", value="https://else.example");
        => issue(type="sub", value="somebody");
      };`)
    if (!policy.ok) throw new Error(policy.problem.at)
    const issued = evaluatePolicy(policy.value, incomingClaims(claims.value), { stepsMax: 1000 })
    if (!issued.ok) throw new Error(issued.problem.code)
    const whole = withIssuedClaims(claims.value, issued.value)
    expect(whole).toMatchObject({
      vendor: claims.value[claimNames.mrSigner],
      list: [1, 2],
      'x-sealward-simulated': true,
      'x-ms-policy': { 'x-sealward-simulated': false, iss: 'https://else.example', list: [1, 2] },
    })
    for (const name of ['iss', 'sub', 'x-ms-runtime', 'x-sealward-new']) {
      expect(Object.keys(whole)).not.toContain(name)
    }
  })
})

test('a policy does not replace a claim that is there', () => {
  expect(withIssuedClaims({ taken: 1 }, [{ type: 'taken', value: 2 }])).toEqual({
    taken: 1,
    'x-ms-policy': { taken: 2 },
  })
})

const shared = process.env['SEALWARD_SHARED'] ?? join(import.meta.dirname, '../../../../../shared')
const recordings = join(shared, 'vectors/maa/recordings')

/** Tokens and key sets that Azure Attestation answered, as recorded. */
interface Recorded {
  readonly token: string
  readonly jwks: SigningKeys
}

function recorded(): readonly Recorded[] {
  return readdirSync(recordings).flatMap((file): readonly Recorded[] => {
    const text = readFileSync(join(recordings, file), 'utf8')
    const { networkCallRecords: calls } = JSON.parse(text) as {
      networkCallRecords: { Response: { BODY?: string } }[]
    }
    const bodies = calls.flatMap(({ Response: { BODY: body = '' } }) =>
      body.startsWith('{') ? [JSON.parse(body) as { keys?: SigningJwk[]; token?: string }] : [],
    )
    const jwks = bodies.find((body) => Array.isArray(body.keys))
    if (jwks?.keys === undefined) return []
    const { keys } = jwks
    return bodies.flatMap((body) =>
      typeof body.token === 'string' ? [{ token: body.token, jwks: { keys } }] : [],
    )
  })
}

if (existsSync(recordings)) {
  describe('recorded tokens of Azure Attestation', () => {
    const all = recorded()
    const headerOf = (token: string): { alg: string; kid?: string } =>
      JSON.parse(new TextDecoder().decode(bytesOfBase64Url(token.split('.')[0] ?? '')))

    test('there are some', () => {
      process.stdout.write(`recorded tokens: ${all.length}\n`)
      expect(all.length).toBeGreaterThan(0)
    })

    test('a draft’s is refused as unsecured; the others’ signatures hold, and only ours carry our claims', async () => {
      const seen: Record<string, number> = {}
      for (const { token, jwks } of all) {
        const { alg, kid } = headerOf(token)
        const key = jwks.keys.find((one) => one.kid === kid)
        const pin = key && (await signerOf(key))
        const payload = claimsOf(token)
        const result = await verifyAttestationToken(token, {
          issuer: String(payload['iss']),
          jwks,
          signers: pin === undefined ? [] : [pin],
          at: Number(payload['iat']),
          clockSkewSeconds: 60,
          denyList: { unchecked: 'Azure keeps none' },
        })
        const code = result.ok ? 'verified' : result.problem.code
        seen[`${alg}: ${code}`] = (seen[`${alg}: ${code}`] ?? 0) + 1
        expect(code).toBe(alg === 'none' ? 'unsecured' : 'claim-missing')
      }
      process.stdout.write(`${JSON.stringify(seen)}\n`)
    })
  })
} else {
  process.stdout.write('recorded tokens: none read, ../shared/vectors/maa is absent\n')
}
