import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import {
  createWebCryptography,
  type PublicKey,
  publicKeyOf,
  type SignatureAlgorithm,
} from '@sealward/attestation/x509'
import { describe, expect, test } from 'vitest'
import { createNodeCryptography } from './node-cryptography.ts'

const message = new TextEncoder().encode('what was signed')
const both = [
  ['node:crypto', createNodeCryptography(2)],
  ['Web Crypto', createWebCryptography(2)],
] as const

interface Case {
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: PublicKey
  readonly bytes: Uint8Array
}

const ec = (
  namedCurve: string,
): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = ec('P-256')
const p384 = ec('P-384')
const pss = (saltLength: number): object => ({
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength,
})

const cases: readonly Case[] = [
  signed('ecdsa-p256-sha256', p256, 'sha256', { dsaEncoding: 'ieee-p1363' }),
  signed('ecdsa-p384-sha256', p384, 'sha256', { dsaEncoding: 'ieee-p1363' }),
  signed('ecdsa-p384-sha384', p384, 'sha384', { dsaEncoding: 'ieee-p1363' }),
  signed('rsa-pss-sha256', rsa, 'sha256', pss(32)),
  signed('rsa-pss-sha384', rsa, 'sha384', pss(48)),
  signed('rsa-pss-sha512', rsa, 'sha512', pss(64)),
  signed('rsa-pkcs1-sha256', rsa, 'sha256', {}),
  signed('rsa-pkcs1-sha384', rsa, 'sha384', {}),
  signed('rsa-pkcs1-sha512', rsa, 'sha512', {}),
]

describe.each(both)('%s', (_, cryptography) => {
  test.each(cases)('$algorithm: verifies what was signed and nothing else', async (one) => {
    const { publicKey, algorithm, bytes } = one
    const verify = async (changed: Uint8Array, signature: Uint8Array): Promise<boolean> =>
      cryptography.verify({
        publicKey,
        signature: { algorithm, bytes: signature },
        message: changed,
      })
    expect(await verify(message, bytes)).toBe(true)
    expect(await verify(message.subarray(1), bytes)).toBe(false)
    expect(await verify(message, flipped(bytes))).toBe(false)
    expect(await verify(message, bytes.subarray(1))).toBe(false)
    expect(await verify(message, new Uint8Array())).toBe(false)
  })

  test('a key of another kind than the algorithm verifies nothing', async () => {
    for (const { algorithm, bytes, publicKey: own } of cases) {
      for (const { publicKey } of cases) {
        if (publicKey.kind === own.kind) continue
        const question = { publicKey, signature: { algorithm, bytes }, message }
        expect(await cryptography.verify(question)).toBe(false)
      }
    }
  })

  test('what is no point of the curve verifies nothing', async () => {
    const publicKey = { kind: 'p256', point: new Uint8Array(65).fill(4) } as unknown as PublicKey
    const signature = { algorithm: 'ecdsa-p256-sha256', bytes: new Uint8Array(64).fill(1) } as const
    expect(await cryptography.verify({ publicKey, signature, message })).toBe(false)
  })
})

test.each(['SHA-256', 'SHA-384'] as const)('%s is the same in both', async (algorithm) => {
  const [[, node], [, web]] = both
  expect(new Uint8Array(await node.digest(algorithm, message))).toEqual(
    await web.digest(algorithm, message),
  )
})

function signed(
  algorithm: SignatureAlgorithm,
  keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  digest: string,
  options: object,
): Case {
  const spki = new Uint8Array(keys.publicKey.export({ format: 'der', type: 'spki' }))
  const publicKey = publicKeyOf(spki)
  if (publicKey === undefined) throw new Error('key')
  const bytes = new Uint8Array(sign(digest, message, { key: keys.privateKey, ...options }))
  return { algorithm, publicKey, bytes }
}

function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => (index === 8 ? byte ^ 1 : byte))
}
