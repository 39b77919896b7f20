/**
 * A report of SEV-SNP as Azure Attestation takes it: `POST /attest/SevSnpVm`, field `report`, decoded.
 *
 * @module
 */

import { ok, type Problem, type Result, refuse, textOf, withoutNul } from '../bytes/index.ts'
import { type Certificate, parseCertificateChain, type X509Code } from '../x509/index.ts'
import { base64UrlBytes, readWrappedJson, type WrappedJsonCode } from './wrapped-json.ts'

/** The parts. None of them is believed yet. */
export interface MaaSnpReport {
  /** See `parseSnpReport`. */
  readonly report: Uint8Array
  /** The chip's certificate and its issuers, in the order found; none where none came. */
  readonly certificates: readonly Certificate[]
  /** COSE_Sign1: see `verifyUvmEndorsement`. */
  readonly uvmEndorsements: readonly Uint8Array[]
}

/**
 * Parses `{SnpReport, VcekCertChain?, Endorsements?}`, the last `{Uvm}`. A NUL may follow, as collectors in C leave it.
 *
 * @returns the parts, or one of {@link WrappedJsonCode} and `X509Code`.
 */
export function parseMaaSnpReport(
  input: Uint8Array,
): Result<MaaSnpReport, Problem<WrappedJsonCode | X509Code>> {
  const read = readWrappedJson(withoutNul(input), (shape) =>
    shape.object('ignored', ({ required, optional }) => {
      const chain = optional('VcekCertChain')
      const endorsements = optional('Endorsements')
      return {
        report: base64UrlBytes(required('SnpReport')),
        pem: chain && base64UrlBytes(chain),
        endorsements: endorsements && base64UrlBytes(endorsements),
      }
    }),
  )
  if (!read.ok) return read
  const { report, pem, endorsements } = read.value
  const certificates = pem === undefined ? ok([]) : readChain(pem)
  if (!certificates.ok) return certificates
  const uvm = endorsements && readUvmEndorsements(endorsements)
  if (uvm?.ok === false) return uvm
  return {
    ok: true,
    value: { report, certificates: certificates.value, uvmEndorsements: uvm?.value ?? [] },
  }
}

function readChain(pem: Uint8Array): Result<readonly Certificate[], Problem<X509Code>> {
  const text = textOf(pem)
  return text === undefined
    ? refuse('pem-malformed', 'VcekCertChain', 'not text')
    : parseCertificateChain(text)
}

function readUvmEndorsements(
  bytes: Uint8Array,
): Result<readonly Uint8Array[], Problem<WrappedJsonCode>> {
  return readWrappedJson(withoutNul(bytes), (shape) =>
    shape.object(
      'ignored',
      ({ optional }) => optional('Uvm')?.list(uvmEndorsementsMax, base64UrlBytes) ?? [],
    ),
  )
}

const uvmEndorsementsMax = 8
