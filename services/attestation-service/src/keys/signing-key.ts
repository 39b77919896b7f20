/**
 * A key that signs tokens, as it is made and as it is used.
 *
 * @module
 */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto'
import { promisify } from 'node:util'
import {
  base64Of,
  base64UrlOf,
  bytesOfBase64,
  sha256,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { SigningJwk } from '@sealward/attestation/token'
import { pemOf } from '@sealward/attestation/x509'
import type { Random } from '@sealward/enclave/server'
import { calculateJwkThumbprint } from 'jose'
import { certify, type EvidenceOf } from './certificate.ts'

export type SigningAlgorithm = 'RS256' | 'ES256'

/** What kind of key is made; bits are of RSA. */
export interface KeyKind {
  readonly algorithm: SigningAlgorithm
  readonly rsaBits: 2048 | 3072
}

export interface SigningKey {
  readonly algorithm: SigningAlgorithm
  /** RFC 7638 thumbprint. */
  readonly kid: string
  /** Public, with the self-signed certificate as `x5c`. */
  readonly jwk: SigningJwk
  /** Base64url SHA-256 of the SPKI: what relying parties pin. */
  readonly signer: string
  /** Over ASCII text; base64url. */
  sign(text: string): Promise<string>
}

/** A signing key as it is kept, once it has been sealed. */
export interface KeyMaterial {
  readonly algorithm: SigningAlgorithm
  /** PKCS #8, base64. */
  readonly privateKey: string
  /** DER, base64. */
  readonly certificate: string
}

/**
 * Makes a key, with a certificate that it signs itself.
 *
 * @param options.issuer - becomes the certificate's common name.
 * @param options.evidenceOf - in a TEE: its quote goes into the certificate.
 */
export async function makeSigningKey(options: {
  readonly kind: KeyKind
  readonly issuer: string
  readonly at: UnixSeconds
  readonly random: Random
  readonly evidenceOf?: EvidenceOf | undefined
}): Promise<KeyMaterial> {
  const { algorithm } = options.kind
  const { privateKey, publicKey } = await generate(options.kind)
  const certificate = await certify({ ...options, algorithm, privateKey, publicKey })
  return {
    algorithm,
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    certificate: base64Of(certificate),
  }
}

/**
 * A kept key, ready to sign.
 *
 * @throws when it is not a key, or its certificate is another key's.
 */
export async function signingKeyOf(material: KeyMaterial): Promise<SigningKey> {
  const { algorithm } = material
  const privateKey = createPrivateKey({
    key: Buffer.from(bytesOfBase64(material.privateKey) ?? []),
    format: 'der',
    type: 'pkcs8',
  })
  // As PEM: given DER, Node looks for PEM inside first, and finds the platform's chain in the evidence.
  const pem = pemOf(bytesOfBase64(material.certificate) ?? new Uint8Array())
  if (!new X509Certificate(pem).checkPrivateKey(privateKey)) {
    throw new Error('a signing key was kept with the certificate of another key')
  }
  const publicKey = createPublicKey(privateKey)
  const numbers = publicKey.export({ format: 'jwk' })
  const kid = await calculateJwkThumbprint(publicKey)
  const key =
    algorithm === 'RS256' ? privateKey : { key: privateKey, dsaEncoding: 'ieee-p1363' as const }
  return {
    algorithm,
    kid,
    jwk: {
      ...(numbers as SigningJwk),
      kid,
      use: 'sig',
      alg: algorithm,
      x5c: [material.certificate],
    },
    signer: base64UrlOf(await sha256(publicKey.export({ format: 'der', type: 'spki' }))),
    // A signature on P-256 takes less time than going to another thread for it does.
    sign:
      algorithm === 'ES256'
        ? async (text) => base64UrlOf(sign('sha256', utf8Of(text), key))
        : async (text) => base64UrlOf(await signing('sha256', utf8Of(text), key)),
  }
}

const signing = promisify(sign)

function generate({
  algorithm,
  rsaBits,
}: KeyKind): Promise<{ readonly privateKey: KeyObject; readonly publicKey: KeyObject }> {
  return algorithm === 'RS256'
    ? promisify(generateKeyPair)('rsa', { modulusLength: rsaBits })
    : promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
}
