import { createPublicKey, type KeyObject } from 'node:crypto'
import {
  bytesOfBase64Url,
  ok,
  type Problem,
  type Result,
  refuse,
} from '@sealward/attestation/bytes'
import { claimNames } from '@sealward/attestation/token'
import { limits } from './limits.ts'

/** The RSA key that a workload has in its TEE, as its token says. */
export interface TargetKey {
  readonly kid: string
  readonly key: KeyObject
}

/**
 * The first key of `x-ms-runtime.keys` that is one for encryption: RSA, with a `kid`, and `use` or `key_ops` saying so.
 *
 * @param claims - of a verified token.
 * @returns the key; `target-key-missing`, or `target-key-refused` for the first one if it is too small or no key.
 */
export function targetKeyOf(
  claims: Readonly<Record<string, unknown>>,
): Result<TargetKey, Problem<'target-key-missing' | 'target-key-refused'>> {
  const { keys } = Object(claims[claimNames.runtime]) as { readonly keys?: unknown }
  const list = Array.isArray(keys) ? keys.slice(0, limits.runtimeKeysMax) : []
  const index = list.findIndex(isForEncryption)
  const at = `target.${claimNames.runtime}.keys`
  if (index < 0) {
    return refuse('target-key-missing', at, 'The token names no RSA key to encrypt with.')
  }
  const { kid, n, e } = list[index] as RsaJwk
  const bits = rsaBitsOf(n, e)
  if (bits === undefined || bits < limits.rsaBitsMin || bits > limits.rsaBitsMax) {
    return refuse(
      'target-key-refused',
      `${at}[${index}]`,
      `An RSA key of ${limits.rsaBitsMin} to ${limits.rsaBitsMax} bits is expected.`,
    )
  }
  const jwk: JsonWebKey = { kty: 'RSA', n, e }
  return ok({ kid, key: createPublicKey({ key: jwk, format: 'jwk' }) })
}

interface RsaJwk {
  readonly kid: string
  readonly n: string
  readonly e: string
}

function isForEncryption(value: unknown): value is RsaJwk {
  const { kty, kid, n, e, use, key_ops: operations } = Object(value) as Record<string, unknown>
  const isMeant =
    use === 'enc' || (Array.isArray(operations) && (operations as unknown[]).includes('encrypt'))
  return (
    kty === 'RSA' &&
    typeof kid === 'string' &&
    kid.length <= limits.claimCharactersMax &&
    typeof n === 'string' &&
    typeof e === 'string' &&
    isMeant
  )
}

/** `undefined` where modulus or exponent is none. */
function rsaBitsOf(n: string, e: string): number | undefined {
  const modulus = bytesOfBase64Url(n)
  const exponent = bytesOfBase64Url(e)
  if (modulus === undefined || exponent === undefined) return undefined
  if (exponent.length === 0 || exponent.length > 4) return undefined
  const isOdd = (bytes: Uint8Array): boolean => ((bytes.at(-1) ?? 0) & 1) === 1
  // An exponent of 1 would encrypt nothing.
  if (!isOdd(exponent) || exponent.reduce((sum, byte) => sum * 256 + byte, 0) < 3) return undefined
  const first = modulus.findIndex((byte) => byte !== 0)
  if (first !== 0 || !isOdd(modulus)) return undefined
  return modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24
}
