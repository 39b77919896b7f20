import { concat } from '../bytes/index.ts'
import type { PublicKey } from './cryptography.ts'
import { publicKeyOf } from './signature-algorithms.ts'

export type RsaPublicKey = Extract<PublicKey, { readonly kind: 'rsa' }>

/**
 * An RSA key by its numbers, big-endian, as a JSON Web Key carries them.
 *
 * @returns `undefined` for a size or an exponent that nothing here verifies with.
 * @see RFC 8017, appendix A.1.1; RFC 7518, section 6.3.1
 */
export function rsaKeyOf(modulus: Uint8Array, exponent: Uint8Array): RsaPublicKey | undefined {
  const numbers = element(0x30, element(0x02, positive(modulus)), element(0x02, positive(exponent)))
  const bits = element(0x03, Uint8Array.of(0), numbers)
  const key = publicKeyOf(element(0x30, rsaEncryption, bits))
  return key?.kind === 'rsa' ? key : undefined
}

/** AlgorithmIdentifier of rsaEncryption. */
const rsaEncryption: Uint8Array = Uint8Array.from([
  0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
])

/** A first digit above 0x7f would be a sign. */
function positive(digits: Uint8Array): Uint8Array {
  return (digits[0] ?? 0) > 0x7f ? concat(Uint8Array.of(0), digits) : digits
}

function element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concat(...contents)
  const { length } = content
  if (length < 0x80) return concat(Uint8Array.of(tag, length), content)
  return length < 0x100
    ? concat(Uint8Array.of(tag, 0x81, length), content)
    : concat(Uint8Array.of(tag, 0x82, length >> 8, length & 0xff), content)
}
