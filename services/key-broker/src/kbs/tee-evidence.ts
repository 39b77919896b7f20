/**
 * Evidence as Trustee's attesters write it, as the attestation service takes it.
 *
 * @see confidential-containers/guest-components, attestation-agent/attester
 * @module
 */

import { base64UrlOf, bytesOfBase64, type Shape, utf8Of } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'
import type { TeeName } from './request.ts'
import { readSnpEvidence } from './snp-evidence.ts'

/** One request to the attestation service, as far as it depends on the TEE. */
export interface TeeEvidence {
  /** As its path has it. */
  readonly type: 'SgxEnclave' | 'TdxVm' | 'SevSnpVm'
  /** As its body has it. */
  readonly fields: Readonly<Record<string, string>>
}

export function readTeeEvidence(shape: Shape, tee: TeeName): TeeEvidence {
  switch (tee) {
    case 'sgx':
      return { type: 'SgxEnclave', fields: { quote: readQuote(shape) } }
    case 'tdx':
      return { type: 'TdxVm', fields: { quote: readQuote(shape) } }
    case 'snp':
      return { type: 'SevSnpVm', fields: { report: readReport(shape) } }
  }
}

/** `{quote}` in base64. What else a trust domain sends, its event log, nothing here is concluded from. */
function readQuote(shape: Shape): string {
  return shape.object('ignored', ({ required }) => {
    const quote = required('quote')
    const bytes = bytesOfBase64(quote.string(limits.quoteCharactersMax))
    return bytes === undefined || bytes.length === 0
      ? quote.fail('wrong-value', 'base64 expected')
      : base64UrlOf(bytes)
  })
}

function readReport(shape: Shape): string {
  const { report, certificates } = readSnpEvidence(shape)
  const json = JSON.stringify({
    SnpReport: base64UrlOf(report),
    ...(certificates === '' ? {} : { VcekCertChain: base64UrlOf(utf8Of(certificates)) }),
  })
  return base64UrlOf(utf8Of(json))
}
