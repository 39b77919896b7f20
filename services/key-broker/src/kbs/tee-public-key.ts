/**
 * The key that a workload made in its TEE, and to which resources are encrypted.
 *
 * @see RFC 7517; RFC 7518, section 6; confidential-containers/trustee, "Key Format"
 * @module
 */

import { createPublicKey, type KeyObject } from 'node:crypto'
import { ok, type Problem, type Result, refuse, type Shape } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'

export type TeePublicKey = RsaTeeKey | EcTeeKey

interface RsaTeeKey {
  readonly kty: 'RSA'
  readonly alg: 'RSA-OAEP-256'
  readonly n: string
  readonly e: string
}

interface EcTeeKey {
  readonly kty: 'EC'
  readonly alg: 'ECDH-ES+A256KW'
  readonly crv: 'P-256' | 'P-521'
  readonly x: string
  readonly y: string
}

/** Members that are not of the key are let through and never used, as the reference does. */
export function readTeePublicKey(shape: Shape): TeePublicKey {
  return shape.object('ignored', ({ required }): TeePublicKey => {
    const number = (name: string): string =>
      required(name).string(limits.keyCharactersMax, /^[A-Za-z0-9_-]+$/)
    if (required('kty').oneOf(['RSA', 'EC']) === 'RSA') {
      // RSA1_5, which old clients name, lets whoever tries often enough read what was encrypted.
      const alg = required('alg').oneOf(['RSA-OAEP-256'])
      return { kty: 'RSA', alg, n: number('n'), e: number('e') }
    }
    return {
      kty: 'EC',
      alg: required('alg').oneOf(['ECDH-ES+A256KW']),
      crv: required('crv').oneOf(['P-256', 'P-521']),
      x: number('x'),
      y: number('y'),
    }
  })
}

/** @returns the key; `kbs-key-refused` where it is none, or too small. */
export function keyObjectOf(jwk: TeePublicKey): Result<KeyObject, Problem<'kbs-key-refused'>> {
  const key = importOf(jwk)
  if (key === undefined) return refused('It is not a point of its curve, or no modulus.')
  if (jwk.kty === 'EC') return ok(key)
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  const isStrong =
    modulusLength >= limits.rsaBitsMin &&
    modulusLength <= limits.rsaBitsMax &&
    publicExponent >= 65_537n &&
    publicExponent % 2n === 1n
  return isStrong
    ? ok(key)
    : refused(`RSA of ${limits.rsaBitsMin} to ${limits.rsaBitsMax} bits is expected.`)
}

function importOf(jwk: TeePublicKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    return undefined
  }
}

function refused(why: string): Result<never, Problem<'kbs-key-refused'>> {
  return refuse('kbs-key-refused', 'tee-pubkey', `Nothing is encrypted to this key. ${why}`)
}
