import type { Bytes, UnixSeconds } from '../bytes/index.ts'
import type { SgxExtension } from './sgx-extension.ts'

/** An X.509 certificate of version 3. Parsed, and believed by nobody yet. */
export interface Certificate {
  readonly der: Uint8Array
  /** The bytes that the issuer signed. */
  readonly tbs: Uint8Array
  /** Content of INTEGER as found, hex. */
  readonly serialNumber: string
  /** DER of the Name. */
  readonly issuer: Uint8Array
  /** DER of the Name. */
  readonly subject: Uint8Array
  readonly issuerCommonName: string | undefined
  readonly subjectCommonName: string | undefined
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  /** Uncompressed point, when the key is one of P-256. */
  readonly p256: Bytes<65> | undefined
  /** `r ‖ s`, when the algorithm is ECDSA with SHA-256 and the numbers fit. */
  readonly signature: Bytes<64> | undefined
  readonly isCa: boolean
  /** pathLenConstraint, when there is one. */
  readonly pathLength: number | undefined
  /** undefined: the extension is absent. */
  readonly keyUsage: KeyUsage | undefined
  /** Intel's extension of PCK certificates. */
  readonly sgx: SgxExtension | undefined
}

/** The uses this package asks about. */
export interface KeyUsage {
  readonly digitalSignature: boolean
  readonly keyCertSign: boolean
  readonly crlSign: boolean
}
