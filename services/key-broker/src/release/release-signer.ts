/**
 * Who signs the answer to a release: a certificate, and its key.
 *
 * @see RFC 7515, sections 4.1.6 and 4.1.8
 * @module
 */

import { createHash, createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto'
import {
  base64Of,
  base64UrlOf,
  ok,
  type Problem,
  type Result,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'

export interface ReleaseSigner {
  /** Base64url SHA-256 of the certificate's DER. */
  readonly certificateSha256: string
  /** @returns a compact JWS with the certificates in its header. */
  sign(payload: object): string
}

/**
 * @param certificatesPem - the signer's own first, then those that vouch for it.
 * @returns the signer, or `release-certificate-refused`: no certificate, no key for it, or one of another kind than RSA
 *   and P-256.
 */
export function releaseSignerOf(
  certificatesPem: string,
  privateKeyPem: string,
): Result<ReleaseSigner, Problem<'release-certificate-refused'>> {
  try {
    const blocks = certificatesPem.match(pemBlock) ?? []
    const [own, ...others] = blocks.map((pem) => new X509Certificate(pem))
    if (own === undefined) return refused('there is no certificate')
    const key = createPrivateKey(privateKeyPem)
    if (!own.checkPrivateKey(key)) return refused('the key is not that of the first certificate')
    const alg = algorithmOf(key)
    if (alg === undefined)
      return refused('a key of RSA, 2048 bits or more, or of P-256 is expected')
    const ders = [own, ...others].map(({ raw }) => new Uint8Array(raw))
    const certificateSha256 = base64UrlOf(createHash('sha256').update(own.raw).digest())
    const header = {
      alg,
      kid: certificateSha256,
      'x5t#S256': certificateSha256,
      x5c: ders.map(base64Of),
    }
    return ok({
      certificateSha256,
      sign(payload) {
        const input = `${jsonPart(header)}.${jsonPart(payload)}`
        const signature = sign('sha256', utf8Of(input), { key, dsaEncoding: 'ieee-p1363' })
        return `${input}.${base64UrlOf(new Uint8Array(signature))}`
      },
    })
  } catch {
    return refused('it cannot be read')
  }
}

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType === 'rsa') {
    return (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048 ? 'RS256' : undefined
  }
  return asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ES256' : undefined
}

function jsonPart(value: object): string {
  return base64UrlOf(utf8Of(JSON.stringify(value)))
}

function refused(why: string): Result<never, Problem<'release-certificate-refused'>> {
  return refuse(
    'release-certificate-refused',
    'releaseCertificate',
    `The certificate that releases are to be signed with is not usable: ${why}.`,
  )
}
