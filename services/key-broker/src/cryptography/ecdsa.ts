/**
 * ECDSA over a digest that somebody else made, which Node's own interface does not offer: it hashes what it signs.
 *
 * The multiplication of the base point by the nonce, where a secret could leak, is OpenSSL's. What is left of signing
 * is arithmetic on numbers that are blinded by a random factor; verifying knows no secret.
 *
 * @see FIPS 186-5, sections 6.4.1 and 6.4.2; SP 800-186, section 3.2.1
 * @module
 */

import { createECDH } from 'node:crypto'
import { bytesOfBase64Url, concat, hexOf } from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'
import { coordinateBytes, type EcMaterial } from '../keys/key-material.ts'
import type { Curve } from '../keys/key-type.ts'

/** @returns r ‖ s. */
export function signDigest(key: EcMaterial, digest: Uint8Array, random: Random): Uint8Array {
  const { n } = domains[key.crv]
  const bytes = coordinateBytes[key.crv]
  const e = numberOfDigest(digest, key.crv)
  const d = numberOfText(key.d)
  for (;;) {
    const k = randomBelow(n, bytes, random)
    const r = baseTimes(k, key.crv) % n
    const blind = randomBelow(n, bytes, random)
    const blinded = (((d * blind) % n) * r + e * blind) % n
    const s = (inverse((k * blind) % n, n) * blinded) % n
    if (r !== 0n && s !== 0n) return concat(bytesOfNumber(r, bytes), bytesOfNumber(s, bytes))
  }
}

/** @param signature - r ‖ s. */
export function verifyDigest(
  key: Pick<EcMaterial, 'crv' | 'x' | 'y'>,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { n } = domains[key.crv]
  const bytes = coordinateBytes[key.crv]
  if (signature.length !== 2 * bytes) return false
  const r = numberOf(signature.subarray(0, bytes))
  const s = numberOf(signature.subarray(bytes))
  if (r === 0n || r >= n || s === 0n || s >= n) return false
  const w = inverse(s, n)
  const e = numberOfDigest(digest, key.crv)
  const x = sumOfProducts(key.crv, (e * w) % n, (r * w) % n, {
    x: numberOfText(key.x),
    y: numberOfText(key.y),
    z: 1n,
  })
  return x !== undefined && x % n === r
}

interface Domain {
  readonly p: bigint
  readonly n: bigint
  readonly g: Point
}

/** Jacobian: the affine point is (x/z², y/z³); none with z = 0 is the point at infinity. */
interface Point {
  readonly x: bigint
  readonly y: bigint
  readonly z: bigint
}

const infinity: Point = { x: 1n, y: 1n, z: 0n }

const p256 = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
const p384 = 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n
const p521 = 2n ** 521n - 1n

/** Of all three, a = -3. */
const domains: Readonly<Record<Curve, Domain>> = {
  'P-256': {
    p: p256,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    g: {
      x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
      y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
      z: 1n,
    },
  },
  'P-384': {
    p: p384,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    g: {
      x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
      y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
      z: 1n,
    },
  },
  'P-521': {
    p: p521,
    n: 0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    g: {
      x: 0x00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66n,
      y: 0x011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650n,
      z: 1n,
    },
  },
}

/** The x-coordinate of k·G, by OpenSSL. */
function baseTimes(k: bigint, crv: Curve): bigint {
  const bytes = coordinateBytes[crv]
  const ecdh = createECDH(opensslNames[crv])
  ecdh.setPrivateKey(bytesOfNumber(k, bytes))
  return numberOf(ecdh.getPublicKey().subarray(1, 1 + bytes))
}

const opensslNames: Readonly<Record<Curve, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
}

/** The x-coordinate of u·G + v·Q; `undefined` for the point at infinity. */
function sumOfProducts(crv: Curve, u: bigint, v: bigint, q: Point): bigint | undefined {
  const { p, g } = domains[crv]
  const both = add(g, q, p)
  let sum = infinity
  for (let bit = BigInt(8 * coordinateBytes[crv]); bit >= 0n; bit--) {
    sum = double(sum, p)
    const [inU, inV] = [(u >> bit) & 1n, (v >> bit) & 1n]
    if (inU === 1n && inV === 1n) sum = add(sum, both, p)
    else if (inU === 1n) sum = add(sum, g, p)
    else if (inV === 1n) sum = add(sum, q, p)
  }
  if (sum.z === 0n) return undefined
  const z = inverse(sum.z, p)
  return (sum.x * ((z * z) % p)) % p
}

function double({ x, y, z }: Point, p: bigint): Point {
  if (z === 0n || y === 0n) return infinity
  const zz = (z * z) % p
  const yy = (y * y) % p
  const s = (4n * x * yy) % p
  // a = -3: 3x² + a·z⁴ = 3(x - z²)(x + z²)
  const m = mod(3n * (x - zz) * (x + zz), p)
  const x3 = mod(m * m - 2n * s, p)
  return { x: x3, y: mod(m * (s - x3) - 8n * yy * yy, p), z: (2n * y * z) % p }
}

function add(one: Point, other: Point, p: bigint): Point {
  if (one.z === 0n) return other
  if (other.z === 0n) return one
  const zz1 = (one.z * one.z) % p
  const zz2 = (other.z * other.z) % p
  const u1 = (one.x * zz2) % p
  const u2 = (other.x * zz1) % p
  const s1 = (one.y * zz2 * other.z) % p
  const s2 = (other.y * zz1 * one.z) % p
  if (u1 === u2) return s1 === s2 ? double(one, p) : infinity
  const h = mod(u2 - u1, p)
  const hh = (h * h) % p
  const hhh = (h * hh) % p
  const r = mod(s2 - s1, p)
  const v = (u1 * hh) % p
  const x = mod(r * r - hhh - 2n * v, p)
  return { x, y: mod(r * (v - x) - s1 * hhh, p), z: (one.z * other.z * h) % p }
}

function mod(value: bigint, p: bigint): bigint {
  const rest = value % p
  return rest < 0n ? rest + p : rest
}

/** By the extended Euclidean algorithm; `value` is not 0. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1] = [modulus, value % modulus]
  let [t0, t1] = [0n, 1n]
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1] = [r1, r0 - quotient * r1]
    ;[t0, t1] = [t1, t0 - quotient * t1]
  }
  return mod(t0, modulus)
}

/** From 1 to n - 1, each as likely as the others. */
function randomBelow(n: bigint, bytes: number, random: Random): bigint {
  const excess = BigInt(8 * bytes - n.toString(2).length)
  for (;;) {
    const value = numberOf(random.bytes(bytes)) >> excess
    if (value > 0n && value < n) return value
  }
}

/** FIPS 186-5, section 6.4.1, step 2: the leftmost bits, as many as n has. */
function numberOfDigest(digest: Uint8Array, crv: Curve): bigint {
  const excess = 8 * digest.length - domains[crv].n.toString(2).length
  const value = numberOf(digest)
  return excess > 0 ? value >> BigInt(excess) : value
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${hexOf(bytes)}`)
}

function numberOfText(base64Url: string): bigint {
  return numberOf(bytesOfBase64Url(base64Url) ?? new Uint8Array())
}

function bytesOfNumber(value: bigint, length: number): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex'))
}
