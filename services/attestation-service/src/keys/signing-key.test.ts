import { createHash, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemRandom } from '@sealward/enclave/server'
import { compactVerify, importJWK } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { issuer, startOfTests } from '../testing/attester.fixtures.ts'
import { draftToken, signToken } from './sign-token.ts'
import { openSigningKey } from './signing-key.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-key-'))
})
afterEach(() => rm(folder, { recursive: true }))

const open = (into: string = folder) =>
  openSigningKey({ folder: into, issuer, at: startOfTests, random: systemRandom })

test('the key is made once, and the same when opened again', async () => {
  const first = await open()
  const again = await open()
  expect(again.kid).toBe(first.kid)
  expect(again.jwk).toEqual(first.jwk)
})

test('the key can be read by its owner only', async () => {
  const inside = join(folder, 'made', 'by', 'us')
  await open(inside)
  expect((await stat(join(inside, 'signing-key.pem'))).mode & 0o777).toBe(0o600)
  expect((await stat(inside)).mode & 0o777).toBe(0o700)
})

test('the certificate is of the key, signed by it, and names the issuer', async () => {
  const { jwk, signer } = await open()
  const certificate = new X509Certificate(Buffer.from(jwk.x5c?.[0] ?? '', 'base64'))
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.subject).toBe(`CN=${issuer}`)
  expect(certificate.ca).toBe(false)
  const spki = certificate.publicKey.export({ format: 'der', type: 'spki' })
  expect(createHash('sha256').update(spki).digest('base64url')).toBe(signer)
  expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048)
})

test('a key whose certificate is of another key is not used', async () => {
  await open()
  const other = join(folder, 'other')
  await open(other)
  await writeFile(
    join(folder, 'signing-certificate.pem'),
    await readFile(join(other, 'signing-certificate.pem')),
  )
  await expect(open()).rejects.toThrow('not the certificate of the key')
})

test('a signed token verifies with the published key, and a draft has no signature', async () => {
  const key = await open()
  const token = await signToken(key, issuer, 'JWT', { claim: 'ünïcode' })
  const verified = await compactVerify(
    token,
    await importJWK({ kty: 'RSA', n: key.jwk.n ?? '', e: key.jwk.e ?? '' }, 'RS256'),
  )
  expect(JSON.parse(Buffer.from(verified.payload).toString())).toEqual({ claim: 'ünïcode' })
  expect(draftToken(key, issuer, 'JWT', {}).split('.')[2]).toBe('')
})
