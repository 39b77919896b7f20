import type { Bytes, Problem, Result } from '@sealward/attestation/bytes'

/** Where evidence of a real TEE comes from. One request at a time; others wait in line. */
export interface EvidenceSource<Evidence extends DriverEvidence = DriverEvidence> {
  readonly driver: DriverName
  /**
   * Evidence about this process or machine over `reportData`, as the hardware and its software gave it.
   * Nothing in it is verified here but that it speaks of `reportData`.
   *
   * @returns the evidence, or one of {@link DriverCode}.
   */
  evidence(reportData: Bytes<64>): Promise<Result<Evidence, Problem<DriverCode>>>
}

export type DriverName = 'gramine' | 'scone' | 'tsm' | 'azure-vtpm'

export type DriverEvidence = SgxEvidence | TsmEvidence | AzureEvidence | SconeEvidence

/** A DCAP quote of an SGX enclave. */
export interface SgxEvidence {
  readonly kind: 'sgx'
  readonly quote: Uint8Array
}

/** What Linux's `configfs-tsm` gave. */
export type TsmEvidence =
  | { readonly kind: 'tdx'; readonly quote: Uint8Array }
  | {
      readonly kind: 'snp'
      readonly report: Uint8Array
      /** The certificate table of the GHCB specification, section 4.1.8.1. Absent when the host gave none. */
      readonly certificateTable?: Uint8Array
      /** The services of an SVSM. Present when a service provider was asked. */
      readonly manifest?: Uint8Array
    }

/** What an Azure confidential VM gave. The TPM quote is over the same report data as the HCL report. */
export type AzureEvidence = {
  /** The whole NV index: header, hardware report, runtime data, padding. */
  readonly hclReport: Uint8Array
  readonly tpmQuote: TpmQuoteEvidence
} & (
  | {
      readonly kind: 'azure-snp'
      /** PEM: VCEK, then the chain up to AMD's root. */
      readonly certificates: string
    }
  | { readonly kind: 'azure-tdx'; readonly quote: Uint8Array }
)

export interface TpmQuoteEvidence {
  /** TPMS_ATTEST, as it was signed. */
  readonly message: Uint8Array
  /** RSASSA-PKCS1-v1_5 with SHA-256, by the vTPM's attestation key. */
  readonly signature: Uint8Array
  /** SHA-256 bank, PCR 0 to 23. */
  readonly pcrs: readonly Bytes<32>[]
}

/**
 * What a SCONE enclave can show: that CAS, which attested it, gave it a key. It is no quote, and whoever
 * relies on it trusts that CAS.
 */
export interface SconeEvidence {
  readonly kind: 'scone-cas'
  /** DER, leaf first. */
  readonly certificates: readonly Uint8Array[]
  /** By the leaf's key, over what docs/spec/evidence-drivers.md says. */
  readonly signature: Uint8Array
}

/** Why there is no evidence. `device-busy`, `device-timeout` and the conflicts may be retried. */
export type DriverCode =
  | 'device-missing'
  | 'device-not-permitted'
  | 'device-busy'
  | 'device-timeout'
  | 'device-failed'
  | 'attestation-type-unsupported'
  | 'provider-unsupported'
  | 'privilege-level-unsupported'
  | 'write-short'
  | 'read-short'
  | 'read-oversize'
  | 'generation-conflict'
  | 'pcr-conflict'
  | 'evidence-stale'
  | 'evidence-malformed'
  | 'quoting-service-unavailable'
  | 'certificates-unavailable'

/** What every step of a driver answers. */
export type Driven<T> = Result<T, Problem<DriverCode>>
