/**
 * Certificates as PEM.
 *
 * @see RFC 7468, section 5
 * @module
 */

import { base64Of, bytesOfBase64, ok, type Problem, type Result, refuse } from '../bytes/index.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { chainCertificatesMax, pemCharactersMax } from './limits.ts'
import type { X509Code } from './problems.ts'

/**
 * Parses the certificates of a PEM text, in the order found.
 *
 * Between certificates there may be white space, and NUL, which Intel's quoting enclave leaves at the end.
 *
 * @param read - certificates that were read before, by their base64, white space left out; what is read here is added.
 * @returns at least one certificate, or one of {@link X509Code}.
 */
export function parseCertificateChain(
  pem: string,
  read: Map<string, Certificate> = new Map(),
): Result<readonly Certificate[], Problem<X509Code>> {
  if (pem.length > pemCharactersMax) {
    return refuse('pem-malformed', '', `more than ${pemCharactersMax} characters`)
  }
  const certificates: Certificate[] = []
  let offset = 0
  for (const match of pem.matchAll(block)) {
    if (!isBlank(pem.slice(offset, match.index))) break
    if (certificates.length === chainCertificatesMax) {
      return refuse('too-many-certificates', '', `more than ${chainCertificatesMax}`)
    }
    const base64 = (match[1] ?? '').replace(/\s+/g, '')
    const known = read.get(base64)
    if (known === undefined) {
      const der = bytesOfBase64(base64)
      if (der === undefined) {
        return refuse('pem-malformed', `@0x${offset.toString(16)}`, 'not base64')
      }
      const certificate = parseCertificate(der)
      if (!certificate.ok) return certificate
      read.set(base64, certificate.value)
      certificates.push(certificate.value)
    } else {
      certificates.push(known)
    }
    offset = match.index + match[0].length
  }
  if (certificates.length === 0 || !isBlank(pem.slice(offset))) {
    return refuse('pem-malformed', `@0x${offset.toString(16)}`, 'a certificate expected')
  }
  return ok(certificates)
}

/** One certificate as PEM, lines of 64 characters, a line feed at the end. */
export function pemOf(der: Uint8Array): string {
  return armoured('CERTIFICATE', der)
}

/** One revocation list, in the same form. */
export function pemOfCrl(der: Uint8Array): string {
  return armoured('X509 CRL', der)
}

function armoured(label: string, der: Uint8Array): string {
  const lines = base64Of(der).match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g

function isBlank(text: string): boolean {
  return /^[\s\0]*$/.test(text)
}
