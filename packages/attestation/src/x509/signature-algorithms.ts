/**
 * What an AlgorithmIdentifier and a SubjectPublicKeyInfo mean.
 *
 * @see RFC 5758, section 3.2; RFC 4055, sections 3 and 5; RFC 5480, section 2
 * @module
 */

import { type Bytes, bytesOf, hexOf } from '../bytes/index.ts'
import { derTag, parsingDer } from '../der/index.ts'
import type { PublicKey, Signature, SignatureAlgorithm } from './cryptography.ts'
import { rsaModulusBytesMax, rsaModulusBytesMin } from './limits.ts'

/**
 * The signature that stands in a certificate or revocation list.
 *
 * @param identifier - DER of AlgorithmIdentifier.
 * @param bits - content of the BIT STRING.
 * @returns `undefined` when the algorithm is not known here, or the numbers of ECDSA do not fit its curve.
 */
export function signatureOf(identifier: Uint8Array, bits: Uint8Array): Signature | undefined {
  const algorithm = algorithms.get(hexOf(identifier))
  switch (algorithm) {
    case undefined:
      return undefined
    case 'ecdsa-p256-sha256':
      // The identifier names no curve. Numbers that are longer than this one's are of the next.
      return (
        ecdsaSignature(algorithm, rawEcdsaOf(bits, 32)) ??
        ecdsaSignature('ecdsa-p384-sha256', rawEcdsaOf(bits, 48))
      )
    case 'ecdsa-p384-sha384':
      return ecdsaSignature(algorithm, rawEcdsaOf(bits, 48))
    default:
      return { algorithm, bytes: new Uint8Array(bits) }
  }
}

function ecdsaSignature(
  algorithm: SignatureAlgorithm,
  bytes: Uint8Array | undefined,
): Signature | undefined {
  return bytes && { algorithm, bytes }
}

/**
 * The two numbers of an ECDSA signature, side by side.
 *
 * @param der - Ecdsa-Sig-Value, RFC 3279 section 2.2.3.
 * @param bytesEach - length of each number, leading zeros included.
 * @returns `r ‖ s`, or `undefined` when it is something else or a number is longer.
 */
export function rawEcdsaOf(der: Uint8Array, bytesEach: number): Uint8Array | undefined {
  const parsed = parsingDer(der, (reader) =>
    reader.inside(derTag.sequence, (pair) => [pair.integer(), pair.integer()] as const),
  )
  if (!parsed.ok) return undefined
  const raw = new Uint8Array(2 * bytesEach)
  for (const [index, number] of parsed.value.entries()) {
    const digits = number[0] === 0 ? number.subarray(1) : number
    if ((number[0] ?? 0) > 0x7f || digits.length > bytesEach) return undefined
    raw.set(digits, bytesEach * (index + 1) - digits.length)
  }
  return raw
}

/**
 * The key of a certificate.
 *
 * @param spki - DER of SubjectPublicKeyInfo.
 * @returns `undefined` for a key of a kind, curve or size that nothing here verifies with.
 */
export function publicKeyOf(spki: Uint8Array): PublicKey | undefined {
  const p256 = pointAfter(spki, p256SpkiPrefixHex, 65)
  if (p256 !== undefined) return { kind: 'p256', point: p256 }
  const p384 = pointAfter(spki, p384SpkiPrefixHex, 97)
  if (p384 !== undefined) return { kind: 'p384', point: p384 }
  return isRsaKey(spki) ? { kind: 'rsa', spki } : undefined
}

function pointAfter<const N extends number>(
  spki: Uint8Array,
  prefixHex: string,
  length: N,
): Bytes<N> | undefined {
  const prefixBytes = prefixHex.length / 2
  if (spki.length !== prefixBytes + length || spki[prefixBytes] !== 0x04) return undefined
  return hexOf(spki.subarray(0, prefixBytes)) === prefixHex
    ? bytesOf(length, spki.subarray(prefixBytes))
    : undefined
}

/** An RSA key of a size that is quick to verify with: a modulus of a stranger's choice could take minutes. */
function isRsaKey(spki: Uint8Array): boolean {
  const key = parsingDer(spki, (reader) =>
    reader.inside(derTag.sequence, (info) => {
      const algorithm = hexOf(info.element(derTag.sequence).whole)
      return { algorithm, numbers: info.wholeBits() }
    }),
  )
  if (!key.ok || key.value.algorithm !== rsaEncryptionHex) return false
  const numbers = parsingDer(key.value.numbers, (reader) =>
    reader.inside(derTag.sequence, (pair) => [pair.integer(), pair.integer()] as const),
  )
  if (!numbers.ok) return false
  const [modulus, exponent] = numbers.value
  const modulusBytes = modulus[0] === 0 ? modulus.length - 1 : modulus.length
  return (
    (modulus[0] ?? 0x80) < 0x80 &&
    modulusBytes >= rsaModulusBytesMin &&
    modulusBytes <= rsaModulusBytesMax &&
    hexOf(exponent) === '010001'
  )
}

/** SubjectPublicKeyInfo of an uncompressed point, up to the point. */
const p256SpkiPrefixHex = '3059301306072a8648ce3d020106082a8648ce3d030107034200'
const p384SpkiPrefixHex = '3076301006072a8648ce3d020106052b81040022036200'
const rsaEncryptionHex = '300d06092a864886f70d0101010500'

const sha384Hex = '300d06096086480165030402020500'
const pssBefore = `06092a864886f70d01010a`
const pssParameters = `a00f${sha384Hex}a11c301a06092a864886f70d010108${sha384Hex}a203020130`

/**
 * DER of AlgorithmIdentifier, hex. The trailer field of RSASSA-PSS is a default that some write, and so is NULL after
 * ECDSA with SHA-256 (Mbed TLS up to version 2).
 */
const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['300a06082a8648ce3d040302', 'ecdsa-p256-sha256'],
  ['300c06082a8648ce3d0403020500', 'ecdsa-p256-sha256'],
  ['300a06082a8648ce3d040303', 'ecdsa-p384-sha384'],
  [`3041${pssBefore}3034${pssParameters}`, 'rsa-pss-sha384'],
  [`3046${pssBefore}3039${pssParameters}a303020101`, 'rsa-pss-sha384'],
  ['300d06092a864886f70d01010b0500', 'rsa-pkcs1-sha256'],
  ['300d06092a864886f70d01010c0500', 'rsa-pkcs1-sha384'],
  ['300d06092a864886f70d01010d0500', 'rsa-pkcs1-sha512'],
])
