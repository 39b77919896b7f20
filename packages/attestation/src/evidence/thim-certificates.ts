/**
 * AMD certificates as Azure's Trusted Hardware Identity Management serves them to a VM (`host_amd_certificate.json`).
 *
 * @module
 */

import type { Problem, Result } from '../bytes/index.ts'
import { type Certificate, parseCertificateChain, type X509Code } from '../x509/index.ts'
import { endorsementPemMax } from './limits.ts'
import { readWrappedJson, type WrappedJsonCode } from './wrapped-json.ts'

/** The parts. None of them is believed yet. */
export interface ThimCertificates {
  /** The chip's certificate, then its issuers as found. */
  readonly certificates: readonly Certificate[]
  /** TCB version that the certificate is of, as 16 hex digits of a 64-bit number. */
  readonly tcbm: string | undefined
}

/**
 * Parses `{vcekCert, certificateChain, tcbm?}`.
 *
 * @returns the parts, or one of {@link WrappedJsonCode} and `X509Code`.
 */
export function parseThimCertificates(
  input: Uint8Array,
): Result<ThimCertificates, Problem<WrappedJsonCode | X509Code>> {
  const read = readWrappedJson(input, (shape) =>
    shape.object('ignored', ({ required, optional }) => ({
      vcek: required('vcekCert').string(endorsementPemMax),
      issuers: required('certificateChain').string(endorsementPemMax),
      tcbm: optional('tcbm')?.string(16, /^[0-9A-Fa-f]{16}$/),
    })),
  )
  if (!read.ok) return read
  const { vcek, issuers, tcbm } = read.value
  const leaf = parseCertificateChain(vcek)
  if (!leaf.ok) return leaf
  const chain = parseCertificateChain(issuers)
  if (!chain.ok) return chain
  const certificates = [...leaf.value, ...chain.value]
  return { ok: true, value: { certificates, tcbm: tcbm?.toLowerCase() } }
}
