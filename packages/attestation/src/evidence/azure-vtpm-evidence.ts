/**
 * Evidence of Azure's confidential VMs as collectors write it: Trustee's (versions 0, 1 and 2) and attested-tls'.
 *
 * @module
 */

import { type Fields, type Problem, type Result, refuse, type Shape } from '../bytes/index.ts'
import { parseCertificate, parseCertificateChain, type X509Code } from '../x509/index.ts'
import { endorsementPemMax } from './limits.ts'
import {
  base64UrlBytes,
  hexBytes,
  listedBytes,
  readWrappedJson,
  type WrappedJsonCode,
} from './wrapped-json.ts'

/** The parts. None of them is believed yet. */
export interface AzureVtpmEvidence {
  /** See `parseHclReport`. */
  readonly hclReport: Uint8Array
  readonly tpmQuote: {
    /** See `parseTpmQuote`. */
    readonly message: Uint8Array
    /** See `rawTpmSignatureOf`. */
    readonly signature: Uint8Array
    /** Of the SHA-256 bank, at the index of their number. */
    readonly pcrs: readonly Uint8Array[]
  }
  readonly hardware: /** DER of the chip's certificate; the report is inside {@link hclReport}. */
    | { readonly kind: 'snp'; readonly vcek: Uint8Array }
    | { readonly kind: 'tdx'; readonly quote: Uint8Array }
}

/**
 * Parses a collector's JSON.
 *
 * @returns the parts, or one of {@link WrappedJsonCode} and `X509Code`.
 */
export function parseAzureVtpmEvidence(
  input: Uint8Array,
): Result<AzureVtpmEvidence, Problem<WrappedJsonCode | X509Code>> {
  const read = readWrappedJson(input, (shape) => shape.object('ignored', readAnyForm))
  if (!read.ok) return read
  const { hardware, ...parts } = read.value
  if (hardware.kind === 'tdx') return { ok: true, value: { ...parts, hardware } }
  const vcek = vcekOf(hardware.vcek)
  return vcek.ok
    ? { ok: true, value: { ...parts, hardware: { kind: 'snp', vcek: vcek.value } } }
    : vcek
}

type ReadForm = Omit<AzureVtpmEvidence, 'hardware'> & {
  readonly hardware:
    | { readonly kind: 'snp'; readonly vcek: Uint8Array | string }
    | { readonly kind: 'tdx'; readonly quote: Uint8Array }
}

function readAnyForm(fields: Fields): ReadForm {
  if (fields.optional('version') !== undefined) return readTrustee(fields)
  return fields.optional('hcl_report_base64') === undefined
    ? readTrusteeOfVersion0(fields)
    : readAttestedTls(fields)
}

function readTrustee({ required, optional }: Fields): ReadForm {
  required('version').oneOf([1, 2])
  const tdQuote = optional('td_quote')
  return {
    hclReport: base64UrlBytes(required('hcl_report')),
    tpmQuote: readTpmQuote(required('tpm_quote'), hexBytes),
    hardware:
      tdQuote === undefined
        ? { kind: 'snp', vcek: base64UrlBytes(required('vcek')) }
        : { kind: 'tdx', quote: base64UrlBytes(tdQuote) },
  }
}

function readTrusteeOfVersion0({ required }: Fields): ReadForm {
  return {
    hclReport: listedBytes(required('report')),
    tpmQuote: readTpmQuote(required('quote'), listedBytes),
    hardware: { kind: 'snp', vcek: required('vcek').string(endorsementPemMax) },
  }
}

function readAttestedTls({ required }: Fields): ReadForm {
  return {
    hclReport: base64UrlBytes(required('hcl_report_base64')),
    tpmQuote: required('tpm_attestation').object('ignored', (attestation) =>
      readTpmQuote(attestation.required('quote'), listedBytes),
    ),
    hardware: { kind: 'tdx', quote: base64UrlBytes(required('tdx_quote_base64')) },
  }
}

function readTpmQuote(
  shape: Shape,
  bytesIn: (shape: Shape) => Uint8Array,
): AzureVtpmEvidence['tpmQuote'] {
  return shape.object('ignored', ({ required }) => ({
    message: bytesIn(required('message')),
    signature: bytesIn(required('signature')),
    pcrs: required('pcrs').list(pcrsMax, bytesIn),
  }))
}

/** Registers of a TPM for PCs. */
const pcrsMax = 24

function vcekOf(vcek: Uint8Array | string): Result<Uint8Array, Problem<X509Code>> {
  if (typeof vcek !== 'string') {
    const certificate = parseCertificate(vcek)
    return certificate.ok ? { ok: true, value: vcek } : certificate
  }
  const chain = parseCertificateChain(vcek)
  if (!chain.ok) return chain
  const [first] = chain.value
  return first === undefined
    ? refuse('pem-malformed', 'vcek', 'a certificate expected')
    : { ok: true, value: first.der }
}
