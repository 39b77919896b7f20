/**
 * The secret of a key: made here, or imported.
 *
 * @module
 */

import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPair,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { promisify } from 'node:util'
import {
  base64UrlOf,
  bytesOfBase64Url,
  ok,
  type Problem,
  type Result,
  refuse,
  unreachable,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'
import { type Curve, curves, octSizes, rsaSizes } from './key-type.ts'

/** A key as a JWK with its private members and no others; numbers as RFC 7518 has them. */
export type KeyMaterial = RsaMaterial | EcMaterial | OctMaterial

export interface RsaMaterial {
  readonly kty: 'RSA'
  readonly n: string
  readonly e: string
  readonly d: string
  readonly p: string
  readonly q: string
  readonly dp: string
  readonly dq: string
  readonly qi: string
}

export interface EcMaterial {
  readonly kty: 'EC'
  readonly crv: Curve
  readonly x: string
  readonly y: string
  readonly d: string
}

export interface OctMaterial {
  readonly kty: 'oct'
  readonly k: string
}

/** What is to be made. */
export type MaterialSpec =
  | { readonly kty: 'RSA'; readonly bits: (typeof rsaSizes)[number] }
  | { readonly kty: 'EC'; readonly crv: Curve }
  | { readonly kty: 'oct'; readonly bits: (typeof octSizes)[number] }

const generate = promisify(generateKeyPair)

export async function makeMaterial(spec: MaterialSpec, random: Random): Promise<KeyMaterial> {
  switch (spec.kty) {
    case 'RSA':
      return materialOf(
        (await generate('rsa', { modulusLength: spec.bits, publicExponent: 65_537 })).privateKey,
      )
    case 'EC':
      return materialOf((await generate('ec', { namedCurve: spec.crv })).privateKey)
    case 'oct':
      return { kty: 'oct', k: base64UrlOf(random.bytes(spec.bits / 8)) }
    default:
      return unreachable(spec)
  }
}

function materialOf(key: KeyObject): KeyMaterial {
  return key.export({ format: 'jwk' }) as KeyMaterial
}

/** How another one of the same kind would be made. */
export function specOf(material: KeyMaterial): MaterialSpec {
  switch (material.kty) {
    case 'RSA':
      return { kty: 'RSA', bits: rsaBitsOf(material) as (typeof rsaSizes)[number] }
    case 'EC':
      return { kty: 'EC', crv: material.crv }
    case 'oct':
      return { kty: 'oct', bits: octBitsOf(material) as (typeof octSizes)[number] }
    default:
      return unreachable(material)
  }
}

export function octBitsOf({ k }: OctMaterial): number {
  return (bytesOfBase64Url(k)?.length ?? 0) * 8
}

function rsaBitsOf({ n }: RsaMaterial): number {
  return (bytesOfBase64Url(n)?.length ?? 0) * 8
}

/**
 * Takes a JWK that somebody else made: of a size that is made here, too, and with halves that belong together.
 *
 * @param numbers - members of the JWK, base64url.
 * @returns the material, or `key-refused`.
 */
export function importMaterial(
  kty: KeyMaterial['kty'],
  crv: Curve | undefined,
  numbers: ReadonlyMap<string, string>,
): Result<KeyMaterial, Problem<'key-refused'>> {
  const refused = (at: string, what: string) =>
    refuse('key-refused', `key${at}`, `The key cannot be taken: ${what}.`)
  const decoded = new Map<string, Uint8Array>()
  for (const [name, text] of numbers) {
    const bytes = bytesOfBase64Url(text)
    if (bytes === undefined) return refused(`.${name}`, `${name} is not base64url without padding`)
    decoded.set(name, bytes)
  }
  const expected = { RSA: rsaNumbers, EC: ecNumbers, oct: ['k'] }[kty]
  const missing = expected.find((name) => !decoded.has(name))
  if (missing !== undefined) return refused(`.${missing}`, `${missing} is missing`)
  const number = (name: string): Uint8Array => decoded.get(name) ?? new Uint8Array()
  if (kty === 'oct') {
    return octSizes.some((bits) => bits === number('k').length * 8)
      ? ok({ kty, k: base64UrlOf(number('k')) })
      : refused('.k', `it has not ${octSizes.join(', ')} bits`)
  }
  if (kty === 'EC') {
    if (crv === undefined) return refused('.crv', `its curve is none of ${curves.join(', ')}`)
    const bytes = coordinateBytes[crv]
    const [x, y, d] = ecNumbers.map((name) => ofLength(number(name), bytes))
    if (x === undefined || y === undefined || d === undefined) {
      return refused('', `its numbers have not at most ${bytes} bytes`)
    }
    return consistent({ kty, crv, x, y, d })
  }
  const plain = Object.fromEntries(
    rsaNumbers.map((name) => [name, base64UrlOf(withoutZeros(number(name)))]),
  ) as unknown as Omit<RsaMaterial, 'kty'>
  const bits = rsaBitsOf({ kty, ...plain })
  if (!rsaSizes.some((size) => size === bits)) {
    return refused('.n', `it has not ${rsaSizes.join(', ')} bits`)
  }
  if (plain.e !== 'AQAB') return refused('.e', 'its exponent is not 65537')
  return consistent({ kty, ...plain })
}

const rsaNumbers = ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi']
const ecNumbers = ['x', 'y', 'd']

/** Bytes of a coordinate, and of a private key. */
export const coordinateBytes: Readonly<Record<Curve, number>> = {
  'P-256': 32,
  'P-384': 48,
  'P-521': 66,
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? new Uint8Array() : bytes.subarray(first)
}

/** A number with zeros before it, base64url; `undefined` where it is too large. */
function ofLength(bytes: Uint8Array, length: number): string | undefined {
  const plain = withoutZeros(bytes)
  if (plain.length === 0 || plain.length > length) return undefined
  const padded = new Uint8Array(length)
  padded.set(plain, length - plain.length)
  return base64UrlOf(padded)
}

/** Signs with the private half and verifies with the public one. */
function consistent<M extends RsaMaterial | EcMaterial>(
  material: M,
): Result<M, Problem<'key-refused'>> {
  try {
    const message = utf8Of('sealward: do the halves belong together?')
    const signature = sign('sha256', message, privateKeyOf(material))
    if (verify('sha256', message, publicKeyOf(material), signature)) return ok(material)
  } catch {
    // Numbers that are no key at all.
  }
  return refuse('key-refused', 'key', 'The numbers are not those of one key.')
}

export function privateKeyOf(material: RsaMaterial | EcMaterial): KeyObject {
  return createPrivateKey({ key: { ...material }, format: 'jwk' })
}

export function publicKeyOf(material: RsaMaterial | EcMaterial): KeyObject {
  return createPublicKey({ key: { ...publicPartOf(material), kty: material.kty }, format: 'jwk' })
}

export function secretKeyOf({ k }: OctMaterial): KeyObject {
  return createSecretKey(k, 'base64url')
}

/** What anybody may see of it; nothing of a symmetric key. */
export function publicPartOf(material: KeyMaterial): Readonly<Record<string, string>> {
  switch (material.kty) {
    case 'RSA':
      return { n: material.n, e: material.e }
    case 'EC':
      return { crv: material.crv, x: material.x, y: material.y }
    case 'oct':
      return {}
    default:
      return unreachable(material)
  }
}

/** What is released of it: PKCS#8 of an asymmetric key, the bytes of a symmetric one. */
export function releasedBytesOf(material: KeyMaterial): Uint8Array {
  return material.kty === 'oct'
    ? new Uint8Array(secretKeyOf(material).export())
    : new Uint8Array(privateKeyOf(material).export({ type: 'pkcs8', format: 'der' }))
}
