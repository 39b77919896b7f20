import { createHash, X509Certificate } from 'node:crypto'
import { systemRandom } from '@sealward/enclave/server'
import { compactVerify, importJWK } from 'jose'
import { expect, test } from 'vitest'
import { issuer, startOfTests } from '../testing/attester.fixtures.ts'
import { draftToken, signToken } from './sign-token.ts'
import { makeSigningKey, type SigningAlgorithm, signingKeyOf } from './signing-key.ts'

const make = (algorithm: SigningAlgorithm, rsaBits: 2048 | 3072 = 2048) =>
  makeSigningKey({
    kind: { algorithm, rsaBits },
    issuer,
    at: startOfTests,
    random: systemRandom,
  })

test('a kept key is the same key again', async () => {
  const material = await make('RS256')
  const [one, other] = [await signingKeyOf(material), await signingKeyOf({ ...material })]
  expect(other.kid).toBe(one.kid)
  expect(other.jwk).toEqual(one.jwk)
})

test.each<readonly [SigningAlgorithm, 2048 | 3072]>([
  ['RS256', 2048],
  ['RS256', 3072],
  ['ES256', 2048],
])(
  'the certificate of an %s key is of the key, signed by it, and names the issuer',
  async (algorithm, bits) => {
    const { jwk, signer } = await signingKeyOf(await make(algorithm, bits))
    const certificate = new X509Certificate(Buffer.from(jwk.x5c?.[0] ?? '', 'base64'))
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.subject).toBe(`CN=${issuer}`)
    expect(certificate.ca).toBe(false)
    const spki = certificate.publicKey.export({ format: 'der', type: 'spki' })
    expect(createHash('sha256').update(spki).digest('base64url')).toBe(signer)
    expect(certificate.publicKey.asymmetricKeyDetails).toMatchObject(
      algorithm === 'RS256' ? { modulusLength: bits } : { namedCurve: 'prime256v1' },
    )
    expect(jwk).toMatchObject({
      alg: algorithm,
      use: 'sig',
      kty: algorithm === 'RS256' ? 'RSA' : 'EC',
    })
    expect(Object.keys(jwk)).not.toContain('d')
  },
)

test('a key whose certificate is of another key is not used', async () => {
  const [one, other] = [await make('ES256'), await make('ES256')]
  await expect(signingKeyOf({ ...one, certificate: other.certificate })).rejects.toThrow(
    'certificate of another key',
  )
})

test.each(['RS256', 'ES256'] as const)(
  'an %s token verifies with the published key, and a draft has no signature',
  async (algorithm) => {
    const key = await signingKeyOf(await make(algorithm))
    const token = await signToken(key, issuer, 'JWT', { claim: 'ünïcode' })
    const { x5c: _, ...numbers } = key.jwk
    const verified = await compactVerify(token, await importJWK({ ...numbers }, algorithm))
    expect(JSON.parse(Buffer.from(verified.payload).toString())).toEqual({ claim: 'ünïcode' })
    expect(verified.protectedHeader).toEqual({
      alg: algorithm,
      jku: `${issuer}/certs`,
      kid: key.kid,
      typ: 'JWT',
    })
    expect(draftToken(key, issuer, 'JWT', {}).split('.')[2]).toBe('')
  },
)
