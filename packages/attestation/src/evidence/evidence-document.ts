/**
 * What a service in a TEE answers to whoever asks who it is.
 *
 * @see docs/spec/evidence-document.md
 * @module
 */

import type { Problem, Result } from '../bytes/index.ts'
import type { TeeRole } from './tee-role.ts'

/** Media type `application/vnd.sealward.evidence+json`. */
export interface EvidenceDocument {
  readonly kind: 'sgx'
  /** SGX quote, base64url. */
  readonly quote: string
  /** JSON bytes, base64url. SHA-256 of them is the lower half of REPORTDATA; the upper half is zero. */
  readonly runtimeData: string
  /** JSON bytes, base64url. SHA-256 of them is the lower half of CONFIGID; the upper half is zero. */
  readonly initTimeData: string
  readonly endorsements: EndorsementsJson
}

/** Endorsements by the names that Intel's quote verification library gives them. */
export interface EndorsementsJson {
  /** PEM. */
  readonly pck_crl_issuer_chain: string
  /** DER as hex. */
  readonly root_ca_crl: string
  /** DER as hex. */
  readonly pck_crl: string
  /** PEM. */
  readonly tcb_info_issuer_chain: string
  /** The signed JSON text, byte for byte. */
  readonly tcb_info: string
  /** `r ‖ s` as hex. */
  readonly tcb_info_signature: string
  /** PEM. */
  readonly qe_identity_issuer_chain: string
  /** The signed JSON text, byte for byte. */
  readonly qe_identity: string
  /** `r ‖ s` as hex. */
  readonly qe_identity_signature: string
  /** PEM; for quotes that do not carry it. */
  readonly pck_certificate_chain?: string
}

/** An ES256 public key. `kid` is its RFC 7638 thumbprint. */
export interface IdentityKeyJwk {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
  readonly use: 'sig'
  readonly alg: 'ES256'
  readonly kid: string
}

/** What a workload says while it runs, bound through REPORTDATA. */
export interface RuntimeData {
  readonly version: 1
  /** 32 bytes, base64url, chosen by who asks. */
  readonly nonce: string
  /** `urn:uuid:…` */
  readonly deployment: string
  readonly role: TeeRole
  /** The identity key. */
  readonly keys: readonly [IdentityKeyJwk]
  /** `application/ohttp-keys`, base64url. */
  readonly ohttp?: string
  /** SHA-256 of the DER of the certificate it shows on TLS, base64url. */
  readonly tls?: { readonly 'x5t#S256': string }
  /** `sha256` of the model file, hex. */
  readonly model?: { readonly name: string; readonly version: string; readonly sha256: string }
}

/** What one party accepts of another. */
export interface PeerExpectation {
  readonly role: TeeRole
  /** Hex; one of them must match. */
  readonly mrEnclave: readonly string[]
  /** Hex; one of them must match. */
  readonly mrSigner: readonly string[]
  readonly isvProdId: number
  readonly isvSvnMin: number
  readonly debug: 'refused' | 'dangerously-allowed'
  /** Accepted statuses, Intel's names verbatim. */
  readonly tcbStatuses: readonly string[]
  readonly model?: { readonly sha256: string }
  /** Hex SHA-256 of accepted init-time data. */
  readonly configId?: readonly string[]
}

/** The trust configuration, measured through CONFIGID. */
export interface InitTimeData {
  readonly version: 1
  readonly deployment: string
  readonly role: TeeRole
  readonly attestation: {
    readonly issuer: string
    /** SHA-256 of the SPKI of signing keys that are accepted, base64url. */
    readonly signers: readonly string[]
  }
  readonly peers: readonly PeerExpectation[]
  /** True only with a simulated TEE. */
  readonly development: boolean
  /** SHA-256 of the SPKI of evidence roots that are accepted, hex. */
  readonly roots: readonly string[]
  /** The hospital's OpenID Connect provider; of the platform only. */
  readonly identity?: {
    readonly issuer: string
    readonly audience: string
    readonly roleClaim: string
  }
}

/** An {@link EvidenceDocument} with its texts decoded. Believed by nobody yet. */
export interface ParsedEvidenceDocument {
  readonly kind: 'sgx'
  readonly quote: Uint8Array
  /** The bytes that were hashed. */
  readonly runtimeDataBytes: Uint8Array
  readonly runtimeData: RuntimeData
  /** The bytes that were hashed. */
  readonly initTimeDataBytes: Uint8Array
  readonly initTimeData: InitTimeData
  readonly endorsements: EndorsementsJson
}

/** Parses an {@link EvidenceDocument}; unknown fields are refused, every size is limited. */
export function parseEvidenceDocument(
  _document: unknown,
): Result<ParsedEvidenceDocument, Problem<string>> {
  throw new Error('under construction')
}

/** Parses the bytes of runtime data. */
export function parseRuntimeData(_input: Uint8Array): Result<RuntimeData, Problem<string>> {
  throw new Error('under construction')
}

/** Parses the bytes of init-time data. */
export function parseInitTimeData(_input: Uint8Array): Result<InitTimeData, Problem<string>> {
  throw new Error('under construction')
}

/** Runtime data as the bytes that are hashed: names sorted, no spaces. */
export function encodeRuntimeData(_runtimeData: RuntimeData): Uint8Array {
  throw new Error('under construction')
}

/** Init-time data as the bytes that are hashed: names sorted, no spaces. */
export function encodeInitTimeData(_initTimeData: InitTimeData): Uint8Array {
  throw new Error('under construction')
}
