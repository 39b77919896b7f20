/**
 * The step from "this enclave runs" to "this enclave holds that certificate's key".
 *
 * @module
 */

import {
  base64Of,
  bytesOfHex,
  concat,
  equalBytes,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
  utf8Of,
} from '../bytes/index.ts'
import { parseRaTlsCertificate, type RaTlsEvidence, type RaTlsWorkload } from '../evidence/index.ts'
import { type Cryptography, isSignedBy, webCryptography } from '../x509/index.ts'
import type { Verified } from './verified.ts'

/** What has to be known of the quote: `SgxEvidence` and `TdxEvidence` have it. */
export interface RaTlsHardwareEvidence {
  /** Hex, 128 digits. */
  readonly reportData: string
  /** Hex SHA-256 of the quote as received. */
  readonly hashes: { readonly quote: string }
}

/** A key that an enclave holds. */
export interface RaTlsBinding {
  readonly form: RaTlsEvidence['form']
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  /** What who asked sent, where the form has one: compare it, or the certificate may be an old one. */
  readonly nonce: Uint8Array | undefined
  /** What the claims say of a workload of ours. */
  readonly workload: RaTlsWorkload | undefined
  /** Dates of the certificate, which nobody but the enclave itself stands for. */
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
}

/** Why a certificate was not believed to be an enclave's. */
export type RaTlsBindingCode =
  | 'ra-tls-malformed'
  | 'ra-tls-quote-mismatch'
  | 'ra-tls-self-signature'
  | 'ra-tls-claims-binding'
  | 'ra-tls-public-key-binding'
  | 'ra-tls-validity'

/**
 * Verifies that a certificate carries the quote that was verified, that the quote binds the certificate's key, and that
 * this key signed the certificate.
 *
 * Who connects to the holder of the key has reached an enclave of this kind, and not necessarily the one that it meant:
 * compare what the evidence says of the deployment as well.
 *
 * @param certificate - DER.
 * @returns the key, now believed, or the first of {@link RaTlsBindingCode}.
 */
export async function verifyRaTlsBinding(
  evidence: Verified<RaTlsHardwareEvidence>,
  certificate: Uint8Array,
  cryptography: Cryptography = webCryptography,
): Promise<Result<Verified<RaTlsBinding>, Problem<RaTlsBindingCode>>> {
  const parsed = parseRaTlsCertificate(certificate)
  if (!parsed.ok) {
    const { code, at, detail } = parsed.problem
    return refuse('ra-tls-malformed', at, `${code}: ${detail}`)
  }
  const found = parsed.value
  const { spki, notBefore, notAfter } = found.certificate
  if (hexOf(await cryptography.digest('SHA-256', found.quote)) !== evidence.hashes.quote) {
    return refuse('ra-tls-quote-mismatch', 'quote', 'not the quote that was verified')
  }
  if (!(await isSignedBy(found.certificate, found.certificate, cryptography))) {
    return refuse('ra-tls-self-signature', 'certificate', 'not signed by its own key')
  }

  const bound = boundBytes(found, spki)
  if (!(await startsWithDigest(evidence.reportData, bound, cryptography))) {
    return found.form === 'dice'
      ? refuse('ra-tls-claims-binding', 'claims', 'REPORTDATA is of other claims')
      : refuse('ra-tls-public-key-binding', 'certificate', 'REPORTDATA is of another key')
  }
  if (found.form === 'dice') {
    const { algorithm, value } = found.claims.publicKeyHash
    if (!equalBytes(await cryptography.digest(algorithm, spki), value)) {
      return refuse('ra-tls-public-key-binding', 'claims.pubkey-hash', 'of another key')
    }
  }
  const { nonce, workload } = found.form === 'dice' ? found.claims : noClaims
  if (
    workload !== undefined &&
    (workload.notBefore !== notBefore || workload.notAfter !== notAfter)
  ) {
    return refuse('ra-tls-validity', 'certificate', 'the quote is about other dates')
  }
  return ok({
    form: found.form,
    spki,
    nonce,
    workload,
    notBefore,
    notAfter,
  } as Verified<RaTlsBinding>)
}

const noClaims = { nonce: undefined, workload: undefined } as const

/** What REPORTDATA has to be the digest of. */
function boundBytes(evidence: RaTlsEvidence, spki: Uint8Array): Uint8Array {
  switch (evidence.form) {
    case 'dice':
      return evidence.claimsBytes
    case 'legacy':
      return spki
    case 'open-enclave':
      return utf8Of(`${publicKeyPemOf(spki)}\0`)
  }
}

function publicKeyPemOf(spki: Uint8Array): string {
  const lines = base64Of(spki).match(/.{1,64}/g) ?? []
  return `-----BEGIN PUBLIC KEY-----\n${lines.join('\n')}\n-----END PUBLIC KEY-----\n`
}

/** SHA-256, and 32 zero bytes. */
async function startsWithDigest(
  reportData: string,
  bytes: Uint8Array,
  cryptography: Cryptography,
): Promise<boolean> {
  const actual = bytesOfHex(reportData)
  const expected = concat(await cryptography.digest('SHA-256', bytes), new Uint8Array(32))
  return actual !== undefined && equalBytes(actual, expected)
}
