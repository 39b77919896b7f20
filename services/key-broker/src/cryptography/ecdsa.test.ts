import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto'
import { utf8Of } from '@sealward/attestation/bytes'
import { systemRandom } from '@sealward/enclave/server'
import { expect, test } from 'vitest'
import { type EcMaterial, privateKeyOf, publicKeyOf } from '../keys/key-material.ts'
import { curves } from '../keys/key-type.ts'
import { signDigest, verifyDigest } from './ecdsa.ts'

const dsaEncoding = 'ieee-p1363'
const hashes = { 'P-256': 'sha256', 'P-384': 'sha384', 'P-521': 'sha512' } as const

test.each(curves)('what is signed on %s, OpenSSL verifies; and the other way round', (crv) => {
  const hash = hashes[crv]
  for (let count = 0; count < 16; count++) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: crv })
    const key = privateKey.export({ format: 'jwk' }) as EcMaterial
    const message = utf8Of(`message ${count}`)
    const digest = createHash(hash).update(message).digest()
    const ours = signDigest(key, digest, systemRandom)
    expect(verify(hash, message, { key: publicKeyOf(key), dsaEncoding }, ours)).toBe(true)
    expect(verifyDigest(key, digest, ours)).toBe(true)
    const theirs = sign(hash, message, { key: privateKeyOf(key), dsaEncoding })
    expect(verifyDigest(key, digest, theirs)).toBe(true)
  }
})

test('a digest of another length than the curve is cut, or taken as it is, as OpenSSL does', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = privateKey.export({ format: 'jwk' }) as EcMaterial
  for (const hash of ['sha1', 'sha512']) {
    const digest = createHash(hash).update('message').digest()
    const ours = signDigest(key, digest, systemRandom)
    expect(verify(hash, utf8Of('message'), { key: publicKeyOf(key), dsaEncoding }, ours)).toBe(true)
  }
})

test('another digest, another key, another signature and no signature are refused', () => {
  const [key, other] = [0, 1].map(
    () =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
        format: 'jwk',
      }) as EcMaterial,
  )
  if (key === undefined || other === undefined) throw new Error('two keys')
  const digest = createHash('sha256').update('message').digest()
  const signature = signDigest(key, digest, systemRandom)
  expect(verifyDigest(key, createHash('sha256').update('other').digest(), signature)).toBe(false)
  expect(verifyDigest(other, digest, signature)).toBe(false)
  for (let index = 0; index < signature.length; index++) {
    const changed = signature.slice()
    changed[index] = (changed[index] ?? 0) ^ 1
    expect(verifyDigest(key, digest, changed)).toBe(false)
  }
  for (const wrong of [new Uint8Array(), new Uint8Array(64), new Uint8Array(64).fill(0xff)]) {
    expect(verifyDigest(key, digest, wrong)).toBe(false)
  }
  expect(verifyDigest(key, digest, signature.subarray(0, 63))).toBe(false)
})

test('no nonce is used twice', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = privateKey.export({ format: 'jwk' }) as EcMaterial
  const digest = createHash('sha256').update('message').digest()
  const points = Array.from({ length: 32 }, () =>
    Buffer.from(signDigest(key, digest, systemRandom).subarray(0, 32)).toString('hex'),
  )
  expect(new Set(points).size).toBe(32)
})
