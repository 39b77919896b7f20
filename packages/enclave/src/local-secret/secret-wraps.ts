import {
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  type Result,
  reading,
  utf8Of,
} from '@sealward/attestation/bytes'

/** One copy of the secret, sealed under one key. Names say which key to try, and are believed by nobody. */
export interface SecretWrap {
  /** `tee` for the TEE's own key, otherwise whose key it is. */
  readonly by: string
  /** Of a TEE's key: the security version of the processor when it was sealed, 32 hex digits. */
  readonly cpuSvn?: string
  /** And that of the code. Wraps of before do not name it. */
  readonly isvSvn?: number
  readonly sealed: Uint8Array
}

export function encodeWraps(wraps: readonly SecretWrap[]): Uint8Array {
  const written = wraps.map(({ sealed, ...wrap }) => ({ ...wrap, sealed: base64UrlOf(sealed) }))
  return utf8Of(
    `${JSON.stringify({ format: 'sealward-local-secret-1', wraps: written }, null, 2)}\n`,
  )
}

/** Reads a file of wraps; whether one opens is asked later. */
export function parseWraps(bytes: Uint8Array): Result<readonly SecretWrap[]> {
  const json = jsonOf(bytes, { bytesMax: fileBytesMax, depthMax: 4 })
  if (!json.ok) return json
  return reading<readonly SecretWrap[]>(json.value, '', (top) =>
    top.object('refused', (fields) => {
      fields.required('format').oneOf(['sealward-local-secret-1'])
      return fields.required('wraps').list(wrapsMax, (one) =>
        one.object('refused', (wrap) => {
          const cpuSvn = wrap.optional('cpuSvn')?.string(32, /^[0-9a-f]{32}$/)
          const isvSvn = wrap.optional('isvSvn')?.integer(0, 0xffff)
          const by = wrap.required('by').string(64, /^[a-z][a-z0-9-]*$/)
          const text = wrap.required('sealed')
          const sealed = bytesOfBase64Url(text.string(1024))
          if (sealed === undefined) return text.fail('wrong-value', 'base64url expected')
          return {
            by,
            ...(cpuSvn === undefined ? {} : { cpuSvn }),
            ...(isvSvn === undefined ? {} : { isvSvn }),
            sealed,
          }
        }),
      )
    }),
  )
}

const fileBytesMax = 65_536
const wrapsMax = 16
