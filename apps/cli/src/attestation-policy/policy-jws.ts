/**
 * The JSON Web Signature that sets or resets a policy.
 *
 * @see docs/spec/policy-management.md
 * @module
 */

import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { base64Of, base64UrlOf, ok, textOf, utf8Of } from '@sealward/attestation/bytes'
import { parseCertificateChain } from '@sealward/attestation/x509'
import { bytesIn } from '../evidence/read-file.ts'
import { badInput, type Outcome } from '../problem.ts'

export interface SigningFlags {
  /** PEM of a private key. */
  readonly signWith?: string
  /** PEM of its certificate, and of those that lead to a registered one. */
  readonly certificate?: string
}

/** Makes a compact JWS of a payload; `undefined`: one that says nothing. */
export type WriteJws = (payload: Readonly<Record<string, unknown>> | undefined) => string

/** How requests are written: signed, where a key was given. */
export async function openSigning(
  flags: SigningFlags,
  about: { readonly audience: string; readonly at: number },
): Promise<Outcome<WriteJws>> {
  if (flags.signWith === undefined && flags.certificate === undefined) {
    return ok(
      (payload) => `${part({ alg: 'none' })}.${payload === undefined ? '' : part(payload)}.`,
    )
  }
  if (flags.signWith === undefined || flags.certificate === undefined) {
    return badInput('usage', '--sign-with', '--sign-with and --certificate go together')
  }
  const key = await readKey(flags.signWith)
  if (!key.ok) return key
  const pem = await bytesIn(flags.certificate, '--certificate')
  if (!pem.ok) return pem
  const chain = parseCertificateChain(textOf(pem.value) ?? '')
  const [leaf] = chain.ok ? chain.value : []
  if (!chain.ok || leaf === undefined) {
    return badInput('certificate-malformed', '--certificate', 'PEM certificates expected')
  }
  if (!new X509Certificate(leaf.der).checkPrivateKey(key.value.key)) {
    return badInput('key-mismatch', '--certificate', 'the first certificate is not of this key')
  }
  const { algorithm, key: privateKey } = key.value
  const header = part({ alg: algorithm, x5c: chain.value.map(({ der }) => base64Of(der)) })
  const stated = { aud: about.audience, iat: about.at }
  return ok((payload) => {
    const text = `${header}.${part({ ...payload, ...stated })}`
    const signature = sign('sha256', utf8Of(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${text}.${base64UrlOf(signature)}`
  })
}

async function readKey(
  file: string,
): Promise<Outcome<{ readonly key: KeyObject; readonly algorithm: 'RS256' | 'ES256' }>> {
  const bytes = await bytesIn(file, '--sign-with')
  if (!bytes.ok) return bytes
  const key = privateKeyIn(bytes.value)
  if (key === undefined) {
    return badInput('key-malformed', '--sign-with', 'PEM of a private key without a passphrase')
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= 2048)
    return ok({ key, algorithm: 'RS256' })
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return ok({ key, algorithm: 'ES256' })
  return badInput('key-unsuited', '--sign-with', 'RSA of 2048 bits or more, or P-256 expected')
}

function privateKeyIn(bytes: Uint8Array): KeyObject | undefined {
  try {
    return createPrivateKey({ key: Buffer.from(bytes), format: 'pem' })
  } catch {
    return undefined
  }
}

function part(value: object): string {
  return base64UrlOf(utf8Of(JSON.stringify(value)))
}
