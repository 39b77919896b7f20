/**
 * Policy signers of an isolated instance: certificates that may sign policies, or vouch for those that do.
 *
 * @see Azure Attestation, policy signer certificates; RFC 5280, section 6.1
 * @module
 */

import { createHash } from 'node:crypto'
import {
  base64Of,
  equalBytes,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { type Certificate, isSignedBy, type PublicKey } from '@sealward/attestation/x509'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import { type CertifiedJwk, isSameKey, type JwsSigner } from './policy-jws.ts'

export type SignerCode =
  | 'signer-certificate-missing'
  | 'signer-key-mismatch'
  | 'signer-not-an-authority'
  | 'signer-key-unsuited'
  | 'signer-not-in-time'

/** A certificate that is registered, or is to be. */
export interface PolicySigner {
  /** Hex SHA-1 of its DER, as Azure names it. A name, and no proof of anything. */
  readonly thumbprint: string
  readonly certificate: Certificate
}

export function policySignerOf(certificate: Certificate): PolicySigner {
  return {
    thumbprint: createHash('sha1').update(certificate.der).digest('hex'),
    certificate,
  }
}

/** As `x-ms-policy-certificates` lists it. */
export function jwkOfSigner({ thumbprint, certificate }: PolicySigner): object {
  const isRsa = certificate.publicKey?.kind === 'rsa'
  return {
    alg: isRsa ? 'RS256' : 'ES256',
    kid: thumbprint,
    kty: isRsa ? 'RSA' : 'EC',
    use: 'sig',
    x5c: [base64Of(certificate.der)],
  }
}

/**
 * The signer that a request names: the first certificate of its JWK. Those after it are not registered.
 *
 * @returns `signer-certificate-missing`, `signer-key-mismatch`.
 */
export function namedSigner({
  chain,
  key,
}: CertifiedJwk): Result<PolicySigner, Problem<SignerCode>> {
  const [certificate] = chain
  if (certificate === undefined) {
    return refuse('signer-certificate-missing', 'x5c', 'a signer is named by its certificate')
  }
  if (key !== undefined && !(certificate.publicKey && isSameKey(key, certificate.publicKey))) {
    return refuse('signer-key-mismatch', 'x5c', 'the certificate is not one of this key')
  }
  return ok(policySignerOf(certificate))
}

/**
 * Why a certificate cannot become a signer.
 *
 * It must be an authority (basic constraints) with a key for RS256 or ES256, at its time.
 */
export function signerProblem(
  { certificate }: PolicySigner,
  at: UnixSeconds,
): Problem<SignerCode> | undefined {
  const { publicKey, isCa, keyUsage } = certificate
  const refused = (code: SignerCode, detail: string): Problem<SignerCode> => ({
    code,
    at: 'x5c[0]',
    detail,
  })
  if (publicKey === undefined || publicKey.kind === 'p384') {
    return refused('signer-key-unsuited', 'RSA of 2048 to 4096 bits or P-256 expected')
  }
  if (!isCa) {
    return refused('signer-not-an-authority', 'basic constraints have to say that it is one')
  }
  if (keyUsage !== undefined && !keyUsage.digitalSignature && !keyUsage.keyCertSign) {
    return refused('signer-key-unsuited', 'the key is for neither signatures nor certificates')
  }
  return isInTime(certificate, at)
    ? undefined
    : refused('signer-not-in-time', 'the certificate is not valid now')
}

/**
 * The registered signer behind a signature: the signer's own certificate or key, or the authority that a chain in
 * `x5c` leads to.
 *
 * Every certificate from the signature up to the registered one must be valid at `at`, and every one but the lowest an
 * authority. What comes after the registered one in `x5c` is not looked at.
 */
export async function registeredSigner(
  signer: JwsSigner,
  registered: readonly PolicySigner[],
  at: UnixSeconds,
): Promise<PolicySigner | undefined> {
  const [leaf, ...above] = signer.chain
  if (leaf === undefined) {
    return registered.find(
      ({ certificate }) =>
        isKeyOf(certificate, signer.publicKey) && maySign(certificate) && isInTime(certificate, at),
    )
  }
  if (!maySign(leaf)) return undefined
  let below = leaf
  // Index 0 is the leaf's own place: it may be registered itself.
  for (const [depth, next] of [...above, undefined].entries()) {
    if (!isInTime(below, at)) return undefined
    const same = registered.find(({ certificate }) => equalBytes(certificate.der, below.der))
    if (same !== undefined) return same
    for (const one of registered) {
      const isIssuer =
        isInTime(one.certificate, at) && (await hasIssued(one.certificate, below, depth))
      if (isIssuer) return one
    }
    if (next === undefined || !(await hasIssued(next, below, depth))) return undefined
    below = next
  }
  return undefined
}

/** Whether `issuer` is an authority that signed `certificate`, which has `depth` authorities below it. */
async function hasIssued(
  issuer: Certificate,
  certificate: Certificate,
  depth: number,
): Promise<boolean> {
  const { isCa, keyUsage, pathLength } = issuer
  return (
    isCa &&
    keyUsage?.keyCertSign !== false &&
    (pathLength === undefined || depth <= pathLength) &&
    equalBytes(issuer.subject, certificate.issuer) &&
    (await isSignedBy(certificate, issuer, nodeCryptography))
  )
}

function maySign({ keyUsage }: Certificate): boolean {
  return keyUsage?.digitalSignature !== false
}

function isInTime({ notBefore, notAfter }: Certificate, at: UnixSeconds): boolean {
  return notBefore <= at && at <= notAfter
}

function isKeyOf({ publicKey }: Certificate, key: PublicKey): boolean {
  return publicKey !== undefined && isSameKey(publicKey, key)
}

/** What tells a signature's own certificate apart, in records. */
export function thumbprintOf(signer: JwsSigner): string {
  const [leaf] = signer.chain
  return leaf === undefined ? '' : hexOf(createHash('sha1').update(leaf.der).digest())
}
