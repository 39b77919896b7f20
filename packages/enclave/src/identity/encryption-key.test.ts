import { constants, createHash, createPublicKey, publicEncrypt } from 'node:crypto'
import { bytesOfBase64Url } from '@sealward/attestation/bytes'
import { parseRuntimeData } from '@sealward/attestation/evidence'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { systemClock as clock, systemRandom as random } from '../effects/index.ts'
import { startAttestationService } from '../testing/attestation-service.ts'
import { sampleIdentity } from '../testing/sample.ts'
import { createEncryptionKey, type OaepHash } from './encryption-key.ts'
import { createPassport } from './passport.ts'

const key = await createEncryptionKey()

test('what is encrypted to the published half is opened, under each hash and under no other', () => {
  const publicKey = createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' })
  const hashes: readonly OaepHash[] = ['sha1', 'sha256', 'sha384']
  for (const [index, oaepHash] of hashes.entries()) {
    const secret = random.bytes(32)
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    const ciphertext = publicEncrypt({ key: publicKey, padding, oaepHash }, secret)
    expect(key.decrypt(ciphertext, oaepHash)).toEqual(secret)
    expect(key.decrypt(ciphertext, hashes[(index + 1) % 3] ?? 'sha1')).toBeUndefined()
    expect(key.decrypt(ciphertext.subarray(1), oaepHash)).toBeUndefined()
    ciphertext[200] = (ciphertext[200] ?? 0) ^ 1
    expect(key.decrypt(ciphertext, oaepHash)).toBeUndefined()
  }
})

test('it is quoted after the identity key, and an attestation token carries it in x-ms-runtime', async () => {
  const { identity, vendor } = await sampleIdentity({ encryptionKey: key })
  const { runtimeData } = await identity.quoted(random.bytes(32))
  const quoted = parseRuntimeData(runtimeData)
  const keys = [identity.publicJwk, key.publicJwk]
  expect(quoted).toMatchObject({ ok: true, value: { keys } })

  const service = await startAttestationService(vendor, clock)
  const attestation = { issuer: service.issuer }
  const passport = createPassport({ identity, attestation, clock, random })
  const token = await passport.token()
  expect(token.ok && decodeJwt(token.value)['x-ms-runtime']).toMatchObject({ keys })
  await passport.close()
  await service.close()
})

test('its name is its RFC 7638 thumbprint, and nothing private is in what is published', () => {
  const { e, kty, n, kid } = key.publicJwk
  const digest = createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url')
  expect(kid).toBe(digest)
  expect(bytesOfBase64Url(n)).toHaveLength(384)
  expect(Object.keys(key.publicJwk).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use'])
})
