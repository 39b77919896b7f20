/**
 * A throwaway vendor that signs well-formed SGX evidence under its own root. It protects nothing.
 *
 * @module
 */

import type { UnixSeconds } from '../bytes/index.ts'
import type { Endorsements, TcbStatus } from '../endorsements/index.ts'

/** What the quoted enclave is. Byte strings are of the length that the report body has. */
export interface SampleEnclave {
  /** 32 bytes. */
  readonly mrEnclave: Uint8Array
  /** 32 bytes. */
  readonly mrSigner: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
  /** 64 bytes; absent: an enclave without KSS. */
  readonly configId?: Uint8Array
  readonly debug: boolean
  /** 64 bytes. */
  readonly reportData: Uint8Array
}

/** What {@link SampleVendor.endorsements} signs. */
export interface SampleEndorsementOptions {
  /** When they are issued. */
  readonly at: UnixSeconds
  /** How long TCB info, QE identity and CRLs last. */
  readonly lifetimeSeconds: number
  /** The platform's status; `UpToDate` unless said. */
  readonly tcbStatus?: TcbStatus
  /** The quoting enclave's status; `UpToDate` unless said. */
  readonly qeTcbStatus?: TcbStatus
  readonly advisoryIds?: readonly string[]
  readonly tcbEvaluationDataNumber?: number
  /** Documents whose `nextUpdate` is one second before `at`. */
  readonly expired?: readonly ('tcb-info' | 'qe-identity' | 'pck-crl' | 'root-ca-crl')[]
  /** Certificates that the CRLs list. */
  readonly revoked?: readonly ('pck' | 'platform-ca' | 'tcb-signing')[]
}

/** The answers of a provisioning certification service, as Intel's has them. */
export interface SamplePcsResponses {
  /** `GET /sgx/certification/v4/tcb`: body, and PEM for header `TCB-Info-Issuer-Chain`. */
  readonly tcbInfo: { readonly body: string; readonly issuerChain: string }
  /** `GET /sgx/certification/v4/qe/identity`: body, and PEM for `SGX-Enclave-Identity-Issuer-Chain`. */
  readonly qeIdentity: { readonly body: string; readonly issuerChain: string }
  /** `GET /sgx/certification/v4/pckcrl?ca=platform&encoding=der`: DER, and PEM for `SGX-PCK-CRL-Issuer-Chain`. */
  readonly pckCrl: { readonly der: Uint8Array; readonly issuerChain: string }
  /** `GET /sgx/certification/v4/rootcacrl`: a PCCS sends this DER as hex. */
  readonly rootCaCrl: Uint8Array
}

/** Everything a sample vendor knows, private keys included. For a state folder; its form is not a contract. */
export type SampleVendorState = {
  readonly format: 'sealward-sample-vendor-1'
} & Readonly<Record<string, unknown>>

export interface SampleVendor {
  /** DER. */
  readonly rootCertificate: Uint8Array
  readonly rootCertificatePem: string
  /** Hex. */
  readonly rootSpkiSha256: string
  /** Hex, upper case, as Intel's URLs have it. */
  readonly fmspc: string
  /** An SGX quote of version 3, certification data type 5. */
  quote(enclave: SampleEnclave): Promise<Uint8Array>
  endorsements(options: SampleEndorsementOptions): Promise<Endorsements>
  pcsResponses(options: SampleEndorsementOptions): Promise<SamplePcsResponses>
  export(): Promise<SampleVendorState>
}

/** Makes a vendor whose certificates are valid from one day before `at`. */
export async function createSampleVendor(_options: {
  readonly at: UnixSeconds
}): Promise<SampleVendor> {
  throw new Error('under construction')
}

/** The vendor that {@link SampleVendor.export} wrote down. Throws when the state is not one. */
export async function importSampleVendor(_state: SampleVendorState): Promise<SampleVendor> {
  throw new Error('under construction')
}
