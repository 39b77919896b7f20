import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { bytesOfBase64Url } from '../bytes/index.ts'
import { rsaKeyOf } from './index.ts'

test.each([2048, 3072, 4096])(
  'numbers of %i bits are the key that they are of',
  (modulusLength) => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength })
    const { n = '', e = '' } = publicKey.export({ format: 'jwk' })
    const numbers = [n, e].map((text) => bytesOfBase64Url(text) ?? new Uint8Array())
    const [modulus = new Uint8Array(), exponent = new Uint8Array()] = numbers
    const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
    expect(rsaKeyOf(modulus, exponent)).toEqual({ kind: 'rsa', spki })
    expect(rsaKeyOf(modulus, Uint8Array.of(3))).toBeUndefined()
    expect(rsaKeyOf(modulus.subarray(0, 128), exponent)).toBeUndefined()
    expect(rsaKeyOf(new Uint8Array(), exponent)).toBeUndefined()
    // A zero before it is what DER writes too, lest the number be negative.
    expect(rsaKeyOf(Uint8Array.of(0, ...modulus), exponent)).toEqual({ kind: 'rsa', spki })
  },
)
