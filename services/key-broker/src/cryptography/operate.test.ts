import {
  constants,
  createHash,
  createHmac,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  sign,
  verify,
} from 'node:crypto'
import { utf8Of } from '@sealward/attestation/bytes'
import { systemRandom } from '@sealward/enclave/server'
import { describe, expect, test } from 'vitest'
import {
  type KeyMaterial,
  privateKeyOf,
  publicKeyOf,
  type RsaMaterial,
} from '../keys/key-material.ts'
import { type CryptographyOperation, type CryptographyRequest, operate } from './operate.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  format: 'jwk',
}) as RsaMaterial
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  format: 'jwk',
}) as KeyMaterial
const octOf = (bytes: Uint8Array): KeyMaterial => ({
  kty: 'oct',
  k: Buffer.from(bytes).toString('base64url'),
})
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))
const message = utf8Of('message')

function resultOf(
  material: KeyMaterial,
  operation: CryptographyOperation,
  request: CryptographyRequest,
): Uint8Array | boolean {
  const done = operate(material, operation, request, systemRandom)
  if (!done.ok) throw new Error(done.problem.code)
  return done.value.value
}

function codeOf(
  material: KeyMaterial,
  operation: CryptographyOperation,
  request: CryptographyRequest,
): string | undefined {
  const done = operate(material, operation, request, systemRandom)
  return done.ok ? undefined : done.problem.code
}

describe('RSA', () => {
  test.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])(
    '%s: what is signed, OpenSSL verifies; and the other way round',
    (algorithm) => {
      const hash = `sha${algorithm.slice(2)}`
      const digest = createHash(hash).update(message).digest()
      const options = algorithm.startsWith('PS')
        ? {
            padding: constants.RSA_PKCS1_PSS_PADDING,
            saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
          }
        : { padding: constants.RSA_PKCS1_PADDING }
      for (let count = 0; count < 8; count++) {
        const ours = resultOf(rsa, 'sign', { algorithm, value: digest }) as Uint8Array
        expect(verify(hash, message, { key: publicKeyOf(rsa), ...options }, ours)).toBe(true)
        const theirs = sign(hash, message, { key: privateKeyOf(rsa), ...options })
        expect(resultOf(rsa, 'verify', { algorithm, value: theirs, digest })).toBe(true)
      }
      const ours = resultOf(rsa, 'sign', { algorithm, value: digest }) as Uint8Array
      for (const at of [0, 1, 128, 255]) {
        const changed = ours.slice()
        changed[at] = (changed[at] ?? 0) ^ 1
        expect(resultOf(rsa, 'verify', { algorithm, value: changed, digest })).toBe(false)
      }
      expect(resultOf(rsa, 'verify', { algorithm, value: ours.subarray(1), digest })).toBe(false)
      const other = createHash(hash).update('other').digest()
      expect(resultOf(rsa, 'verify', { algorithm, value: ours, digest: other })).toBe(false)
    },
  )

  test('a signature of one algorithm is none of another', () => {
    const digest = createHash('sha256').update(message).digest()
    const value = resultOf(rsa, 'sign', { algorithm: 'RS256', value: digest }) as Uint8Array
    expect(resultOf(rsa, 'verify', { algorithm: 'PS256', value, digest })).toBe(false)
  })

  test.each([
    ['RSA-OAEP', 'sha1'],
    ['RSA-OAEP-256', 'sha256'],
  ])('%s is what OpenSSL has', (algorithm, oaepHash) => {
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    const ours = resultOf(rsa, 'encrypt', { algorithm, value: message }) as Uint8Array
    const key = privateKeyOf(rsa)
    expect(privateDecrypt({ key, padding, oaepHash }, ours)).toEqual(Buffer.from(message))
    const value = publicEncrypt({ key: publicKeyOf(rsa), padding, oaepHash }, message)
    expect(resultOf(rsa, 'unwrapKey', { algorithm, value })).toEqual(message)
    expect(codeOf(rsa, 'decrypt', { algorithm, value: ours.toReversed() })).toBe(
      'cryptography-refused',
    )
    expect(codeOf(rsa, 'encrypt', { algorithm, value: new Uint8Array(250) })).toBe(
      'cryptography-refused',
    )
  })

  test.each(['RSA-OAEP', 'RSA-OAEP-256', 'RSA1_5'])(
    '%s in fewer bytes than the key has is none, though the number be the same',
    (algorithm) => {
      let ours = new Uint8Array([1])
      // One of 256 begins with a zero.
      while (ours[0] !== 0) {
        ours = resultOf(rsa, 'encrypt', { algorithm, value: message }) as Uint8Array<ArrayBuffer>
      }
      expect(resultOf(rsa, 'decrypt', { algorithm, value: ours })).toEqual(message)
      for (const value of [ours.subarray(1), new Uint8Array([0, ...ours])]) {
        expect(codeOf(rsa, 'decrypt', { algorithm, value })).toBe('cryptography-refused')
      }
    },
  )

  test('a wrong padding of RSA1_5 is not told: other bytes come out, always the same', () => {
    const value = new Uint8Array(256).fill(0x55)
    const request = { algorithm: 'RSA1_5', value }
    const first = resultOf(rsa, 'decrypt', request)
    expect(resultOf(rsa, 'decrypt', request)).toEqual(first)
    expect(first).not.toEqual(message)
  })

  test('a digest of another length is refused', () => {
    for (const length of [0, 20, 31, 33, 64]) {
      const request = { algorithm: 'RS256', value: new Uint8Array(length) }
      expect(codeOf(rsa, 'sign', request)).toBe('digest-length')
    }
  })
})

describe('symmetric keys', () => {
  test('wrap as RFC 3394 has it', () => {
    const wrapped = resultOf(octOf(hex('000102030405060708090A0B0C0D0E0F')), 'wrapKey', {
      algorithm: 'A128KW',
      value: hex('00112233445566778899AABBCCDDEEFF'),
    })
    expect(wrapped).toEqual(hex('1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5'))
  })

  test('wrap as RFC 5649 has it', () => {
    const key = octOf(hex('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8'))
    for (const [value, wrapped] of [
      [
        'c37b7e6492584340bed12207808941155068f738',
        '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a',
      ],
      ['466f7250617369', 'afbeb0f07dfbf5419200f2ccb50bb24f'],
    ] as const) {
      const algorithm = 'CKM_AES_KEY_WRAP_PAD'
      expect(resultOf(key, 'wrapKey', { algorithm, value: hex(value) })).toEqual(hex(wrapped))
      expect(resultOf(key, 'unwrapKey', { algorithm, value: hex(wrapped) })).toEqual(hex(value))
    }
  })

  test('authenticate as RFC 4231 has it', () => {
    const key = octOf(new Uint8Array(32).fill(0x0b))
    const expected = createHmac('sha512', Buffer.alloc(32, 0x0b)).update(message).digest()
    const value = resultOf(key, 'sign', { algorithm: 'HS512', value: message })
    expect(value).toEqual(new Uint8Array(expected))
    const verifies = (one: Uint8Array): unknown =>
      resultOf(key, 'verify', { algorithm: 'HS512', value: one, digest: message })
    expect(verifies(new Uint8Array(expected))).toBe(true)
    expect(verifies(new Uint8Array(expected).subarray(1))).toBe(false)
    expect(verifies(new Uint8Array(64))).toBe(false)
  })

  test('draw the nonce of GCM themselves, and refuse what was changed', () => {
    const key = octOf(new Uint8Array(32).fill(3))
    const request = { algorithm: 'A256GCM', value: message, aad: utf8Of('aad') }
    const done = operate(key, 'encrypt', request, systemRandom)
    if (!done.ok) throw new Error(done.problem.code)
    const { value, iv, tag } = done.value
    const sealed = { ...request, value: value as Uint8Array, iv, tag }
    expect(resultOf(key, 'decrypt', sealed)).toEqual(message)
    const again = operate(key, 'encrypt', request, systemRandom)
    expect(again.ok && again.value.iv).not.toEqual(iv)
    expect(codeOf(key, 'encrypt', { ...request, iv: new Uint8Array(12) })).toBe(
      'cryptography-refused',
    )
    for (const changes of [
      { aad: utf8Of('other') },
      { aad: undefined },
      { tag: new Uint8Array(16) },
      { tag: tag?.subarray(0, 4) },
      { tag: undefined },
      { iv: new Uint8Array(12) },
      { iv: undefined },
      { value: message },
    ]) {
      expect(codeOf(key, 'decrypt', { ...sealed, ...changes })).toBe('cryptography-refused')
    }
  })

  test('refuse what was not wrapped by them, and lengths that cannot be', () => {
    const key = octOf(new Uint8Array(16).fill(3))
    for (const length of [0, 8, 15, 17, 24]) {
      const value = new Uint8Array(length)
      expect(codeOf(key, 'unwrapKey', { algorithm: 'A128KW', value })).toBe('cryptography-refused')
    }
    for (const length of [0, 1, 9, 15, 17]) {
      const request = { algorithm: 'A128KW', value: new Uint8Array(length) }
      expect([length, codeOf(key, 'wrapKey', request)]).toEqual([length, 'cryptography-refused'])
    }
    for (const iv of [undefined, new Uint8Array(12)]) {
      const request = { algorithm: 'A128CBC', value: new Uint8Array(16), iv }
      expect(codeOf(key, 'encrypt', request)).toBe('cryptography-refused')
    }
  })
})

test('an algorithm of another kind, size or curve of key, or of none, is refused', () => {
  const value = new Uint8Array(32)
  const wrong: readonly (readonly [KeyMaterial, CryptographyOperation, string])[] = [
    [rsa, 'encrypt', 'A256GCM'],
    [rsa, 'sign', 'ES256'],
    [rsa, 'sign', 'RSNULL'],
    [rsa, 'sign', 'RSA-OAEP'],
    [rsa, 'encrypt', 'RS256'],
    [rsa, 'encrypt', ''],
    [rsa, 'encrypt', 'constructor'],
    [rsa, 'encrypt', '__proto__'],
    [ec, 'encrypt', 'RSA-OAEP'],
    [ec, 'wrapKey', 'A256KW'],
    [ec, 'sign', 'ES384'],
    [ec, 'sign', 'ES256K'],
    [octOf(value), 'encrypt', 'A128GCM'],
    [octOf(value), 'wrapKey', 'A192KW'],
    [octOf(value), 'sign', 'RS256'],
    [octOf(value), 'wrapKey', 'A256GCM'],
    [octOf(value), 'encrypt', 'A256KW'],
  ]
  for (const [material, operation, algorithm] of wrong) {
    expect([algorithm, codeOf(material, operation, { algorithm, value })]).toEqual([
      algorithm,
      'algorithm-unsupported',
    ])
  }
})
