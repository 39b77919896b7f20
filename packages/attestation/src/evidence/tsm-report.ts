/**
 * What Linux' configfs-tsm gave, as JSON: `{provider, outblob, auxblob?}`, the blobs in base64url.
 *
 * @see Linux, Documentation/ABI/testing/configfs-tsm-report
 * @module
 */

import type { Problem, Result } from '../bytes/index.ts'
import { base64UrlBytes, readWrappedJson, type WrappedJsonCode } from './wrapped-json.ts'

/** The parts. None of them is believed yet. */
export interface TsmReport {
  /** Who wrote the blobs: `sev_guest` an SNP report and AMD's certificate table, `tdx_guest` a quote. */
  readonly provider: 'sev_guest' | 'tdx_guest'
  readonly outblob: Uint8Array
  /** See `parseAmdCertificateTable`. */
  readonly auxblob: Uint8Array | undefined
}

/**
 * Parses the JSON.
 *
 * @returns the parts, or one of {@link WrappedJsonCode}.
 */
export function parseTsmReport(input: Uint8Array): Result<TsmReport, Problem<WrappedJsonCode>> {
  return readWrappedJson(input, (shape) =>
    shape.object('ignored', ({ required, optional }) => {
      const auxblob = optional('auxblob')
      return {
        // Linux ends the attribute with a line feed, and some keep it.
        provider: required('provider')
          .string(32, /^(sev|tdx)_guest\n?$/)
          .trim() as TsmReport['provider'],
        outblob: base64UrlBytes(required('outblob')),
        auxblob: auxblob && base64UrlBytes(auxblob),
      }
    }),
  )
}
