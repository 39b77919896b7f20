import type { Bytes } from '../bytes/index.ts'

/**
 * Intel's extension of PCK certificates, 1.2.840.113741.1.13.1.
 *
 * @see Intel SGX PCK Certificate and Certificate Revocation List Profile Specification, 1.3.5
 */
export interface SgxExtension {
  readonly ppid: Bytes<16>
  /** SVN of TCB components 1 to 16. */
  readonly componentSvns: readonly number[]
  readonly pceSvn: number
  readonly cpuSvn: Bytes<16>
  readonly pceId: Bytes<2>
  readonly fmspc: Bytes<6>
  readonly sgxType: 'standard' | 'scalable' | 'scalable-with-integrity'
  readonly platformInstanceId: Bytes<16> | undefined
  readonly configuration:
    | {
        readonly dynamicPlatform: boolean | undefined
        readonly cachedKeys: boolean | undefined
        readonly smtEnabled: boolean | undefined
      }
    | undefined
}
