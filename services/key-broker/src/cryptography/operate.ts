import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'
import {
  type KeyMaterial,
  octBitsOf,
  privateKeyOf,
  publicKeyOf,
  secretKeyOf,
} from '../keys/key-material.ts'
import {
  ecSignatures,
  encryptionsOf,
  hashBytes,
  type OctEncryption,
  type OctWrap,
  octEncryptions,
  octSignatures,
  octWraps,
  type RsaEncryption,
  type RsaSignature,
  rsaSignatures,
  signaturesOf,
  wrapsOf,
} from './algorithms.ts'
import { signDigest, verifyDigest } from './ecdsa.ts'
import { octDecrypt, octEncrypt, octSign, octUnwrap, octVerify, octWrap } from './oct.ts'
import { rsaDecrypt, rsaEncrypt, rsaSign, rsaVerify } from './rsa.ts'

export const cryptographyOperations = [
  'encrypt',
  'decrypt',
  'wrapKey',
  'unwrapKey',
  'sign',
  'verify',
] as const

export type CryptographyOperation = (typeof cryptographyOperations)[number]

/** What is asked for, decoded. */
export interface CryptographyRequest {
  readonly algorithm: string
  /** Plaintext, ciphertext, or signature. */
  readonly value: Uint8Array
  /** Of `verify`: what was signed. */
  readonly digest?: Uint8Array | undefined
  readonly iv?: Uint8Array | undefined
  readonly aad?: Uint8Array | undefined
  readonly tag?: Uint8Array | undefined
}

export interface CryptographyAnswer {
  readonly value: Uint8Array | boolean
  readonly iv?: Uint8Array
  readonly tag?: Uint8Array
}

/**
 * `algorithm-unsupported`: not one for this key. `digest-length`: not what the algorithm's hash makes.
 * `cryptography-refused`: what came cannot be worked on, or does not decrypt; which of the two is not told.
 */
export type CryptographyCode = 'algorithm-unsupported' | 'digest-length' | 'cryptography-refused'

type Outcome = Result<CryptographyAnswer, Problem<CryptographyCode>>

/** Does what is asked with a key. Whether one may is not asked here. */
export function operate(
  material: KeyMaterial,
  operation: CryptographyOperation,
  request: CryptographyRequest,
  random: Random,
): Outcome {
  const { algorithm } = request
  const known = {
    encrypt: encryptionsOf,
    decrypt: encryptionsOf,
    wrapKey: wrapsOf,
    unwrapKey: wrapsOf,
    sign: signaturesOf,
    verify: signaturesOf,
  }[operation][material.kty]
  if (!known.includes(algorithm) || !fits(material, algorithm)) {
    return refuse('algorithm-unsupported', 'alg', 'This is no algorithm for this key.')
  }
  if (operation === 'sign' || operation === 'verify') {
    return signing(material, operation, request, random)
  }
  const isOpening = operation === 'decrypt' || operation === 'unwrapKey'
  if (material.kty === 'RSA') {
    const name = algorithm as RsaEncryption
    return answerOf(
      isOpening
        ? rsaDecrypt(privateKeyOf(material), name, request.value)
        : rsaEncrypt(publicKeyOf(material), name, request.value),
    )
  }
  if (material.kty === 'EC') return refused()
  const key = secretKeyOf(material)
  if (operation === 'wrapKey') return answerOf(octWrap(key, algorithm as OctWrap, request.value))
  if (operation === 'unwrapKey') {
    return answerOf(octUnwrap(key, algorithm as OctWrap, request.value))
  }
  const { value, iv, aad, tag } = request
  if (operation === 'decrypt') {
    return answerOf(
      octDecrypt(key, algorithm as OctEncryption, { ciphertext: value, iv, aad, tag }),
    )
  }
  const encrypted = octEncrypt(
    key,
    algorithm as OctEncryption,
    { plaintext: value, iv, aad },
    random,
  )
  if (encrypted === undefined) return refused()
  const { ciphertext, ...more } = encrypted
  return ok({ value: ciphertext, ...more })
}

/** Whether the algorithm is one for a key of this size, or on this curve. */
function fits(material: KeyMaterial, algorithm: string): boolean {
  if (material.kty === 'EC') {
    return ecSignatures[algorithm as keyof typeof ecSignatures].crv === material.crv
  }
  if (material.kty === 'RSA') return true
  const { bits } = { ...octEncryptions, ...octWraps }[algorithm as OctEncryption | OctWrap] ?? {}
  return bits === undefined || bits === octBitsOf(material)
}

function signing(
  material: KeyMaterial,
  operation: 'sign' | 'verify',
  { algorithm, value, digest = value }: CryptographyRequest,
  random: Random,
): Outcome {
  const hash = hashOf(algorithm)
  // What is authenticated with a symmetric key may have any length.
  if (material.kty !== 'oct' && digest.length !== hashBytes[hash]) {
    return refuse('digest-length', 'digest', `A digest of ${hashBytes[hash]} bytes is expected.`)
  }
  const isSigning = operation === 'sign'
  switch (material.kty) {
    case 'RSA': {
      const name = algorithm as RsaSignature
      return isSigning
        ? ok({ value: rsaSign(privateKeyOf(material), name, digest, random) })
        : ok({ value: rsaVerify(publicKeyOf(material), name, digest, value) })
    }
    case 'EC':
      return isSigning
        ? ok({ value: signDigest(material, digest, random) })
        : ok({ value: verifyDigest(material, digest, value) })
    default: {
      const name = algorithm as keyof typeof octSignatures
      return isSigning
        ? ok({ value: octSign(secretKeyOf(material), name, digest) })
        : ok({ value: octVerify(secretKeyOf(material), name, digest, value) })
    }
  }
}

function hashOf(algorithm: string): 'sha256' | 'sha384' | 'sha512' {
  const rsa = rsaSignatures[algorithm as RsaSignature]
  const ec = ecSignatures[algorithm as keyof typeof ecSignatures]
  return (rsa ?? ec)?.hash ?? octSignatures[algorithm as keyof typeof octSignatures]
}

function answerOf(value: Uint8Array | undefined): Outcome {
  return value === undefined ? refused() : ok({ value })
}

function refused(): Outcome {
  return refuse('cryptography-refused', 'value', 'This cannot be done with the key.')
}
