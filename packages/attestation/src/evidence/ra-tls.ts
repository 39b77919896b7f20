/**
 * Certificates that carry evidence about who holds their key (RA-TLS).
 *
 * @see CCC Attestation SIG, Interoperable RA-TLS: X.509 certificate and evidence formats, SGX and TDX evidence formats
 * @see Gramine, `ra_tls.h`; Open Enclave SDK, `X509_OID_FOR_QUOTE_EXT`; what `/certs` of Azure Attestation answers
 * @module
 */

import {
  type CborCode,
  type CborMap,
  CborTag,
  cborOf,
  concat,
  encodeCbor,
  ok,
  type Problem,
  type Result,
  refuse,
  sha256,
  type UnixSeconds,
} from '../bytes/index.ts'
import {
  type Certificate,
  type DigestAlgorithm,
  parseCertificate,
  type X509Code,
} from '../x509/index.ts'
import { dcapQuoteBytesMax, raTlsDepthMax, raTlsExtensionBytesMax } from './limits.ts'
import { type OpenEnclaveReportCode, parseOpenEnclaveReport } from './open-enclave-report.ts'

/** A certificate and the evidence in it. Believed by nobody yet. */
export type RaTlsCertificate = RaTlsEvidence & {
  readonly certificate: Certificate
  /** Value of the endorsements' extension, as it stands. */
  readonly endorsements: Uint8Array | undefined
}

/** A quote, and what its REPORTDATA starts with. */
export type RaTlsEvidence =
  /** SHA-256 of the claims' bytes. */
  | {
      readonly form: 'dice'
      readonly quote: Uint8Array
      readonly claimsBytes: Uint8Array
      readonly claims: RaTlsClaims
    }
  /** SHA-256 of SubjectPublicKeyInfo; of Gramine. */
  | { readonly form: 'legacy'; readonly quote: Uint8Array }
  /** SHA-256 of SubjectPublicKeyInfo as PEM, with the NUL that ends it in C. */
  | { readonly form: 'open-enclave'; readonly quote: Uint8Array }

export interface RaTlsClaims {
  /** Digest of SubjectPublicKeyInfo. */
  readonly publicKeyHash: { readonly algorithm: DigestAlgorithm; readonly value: Uint8Array }
  readonly nonce: Uint8Array | undefined
  /** What workloads of ours say beside it. */
  readonly workload: RaTlsWorkload | undefined
}

/** Who a workload is, in claims that nobody else has to know. */
export interface RaTlsWorkload {
  /** The bytes of `RuntimeData`. */
  readonly runtimeData: Uint8Array
  /** The bytes that CONFIGID is the digest of, too. */
  readonly initTimeData: Uint8Array
  /** From when until when the certificate may be shown. */
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
}

/** Why a certificate was refused. */
export type RaTlsCode =
  | X509Code
  | CborCode
  | OpenEnclaveReportCode
  | 'ra-tls-no-evidence'
  | 'ra-tls-not-a-quote'
  | 'ra-tls-evidence-malformed'
  | 'ra-tls-claims-malformed'
  | 'ra-tls-unsupported-hash'

/**
 * Parses a certificate and the evidence in it: the interoperable form where it is there, else an older one.
 *
 * @param der - DER of Certificate.
 * @returns the parts, or one of {@link RaTlsCode}.
 */
export function parseRaTlsCertificate(
  der: Uint8Array,
): Result<RaTlsCertificate, Problem<RaTlsCode>> {
  const parsed = parseCertificate(der)
  if (!parsed.ok) return parsed
  const certificate = parsed.value
  const evidence = readEvidence(certificate)
  if (!evidence.ok) return evidence
  const endorsements = extensionOf(certificate, raTlsOids.endorsements)
  return ok({ ...evidence.value, certificate, endorsements })
}

/** Extensions that carry evidence. */
export const raTlsOids = {
  /** tcg-dice-conceptual-message-wrapper */
  evidence: '2.23.133.5.4.9',
  /** tcg-dice-endorsement-manifest */
  endorsements: '2.23.133.5.4.2',
  /** 1.2.840.113741.1337.6 with its own tag and length once more before it, as Gramine has always written it. */
  gramine: '0.6.9.42.840.113741.1337.6',
  intel: '1.2.840.113741.1337.6',
  openEnclave: '1.2.840.113556.10.1.1',
  /** The same content, under the number that Azure Attestation gives its own signing keys. */
  azureAttestation: '1.3.6.1.4.1.311.105.1',
} as const

function readEvidence(certificate: Certificate): Result<RaTlsEvidence, Problem<RaTlsCode>> {
  const dice = extensionOf(certificate, raTlsOids.evidence)
  if (dice !== undefined) return readDice(dice)
  const legacy =
    extensionOf(certificate, raTlsOids.gramine) ?? extensionOf(certificate, raTlsOids.intel)
  if (legacy !== undefined) {
    return legacy.length > dcapQuoteBytesMax
      ? refuse('quote-too-large', raTlsOids.intel, `more than ${dcapQuoteBytesMax} bytes`)
      : ok({ form: 'legacy', quote: legacy })
  }
  const report =
    extensionOf(certificate, raTlsOids.openEnclave) ??
    extensionOf(certificate, raTlsOids.azureAttestation)
  if (report === undefined) {
    return refuse('ra-tls-no-evidence', 'extensions', 'none that carries evidence')
  }
  const quote = parseOpenEnclaveReport(report)
  return quote.ok ? ok({ form: 'open-enclave', quote: quote.value }) : quote
}

/** CBOR tags of Intel's evidence. */
const tags = { quote: 60_000, report: 60_001, legacyReport: 60_002 } as const

function readDice(value: Uint8Array): Result<RaTlsEvidence, Problem<RaTlsCode>> {
  const limits = { bytesMax: raTlsExtensionBytesMax, depthMax: raTlsDepthMax }
  const decoded = cborOf(value, limits, Object.values(tags))
  if (!decoded.ok) return decoded
  const tagged = decoded.value
  if (!(tagged instanceof CborTag)) return malformed('tagged evidence expected')
  if (tagged.tag !== tags.quote) {
    return refuse(
      'ra-tls-not-a-quote',
      raTlsOids.evidence,
      'a report, which only its machine verifies',
    )
  }
  if (!Array.isArray(tagged.value) || tagged.value.length !== 2) {
    return malformed('quote and claims expected')
  }
  const [quote, claimsBytes] = tagged.value as readonly unknown[]
  if (!(quote instanceof Uint8Array) || !(claimsBytes instanceof Uint8Array)) {
    return malformed('two byte strings expected')
  }
  if (quote.length > dcapQuoteBytesMax) {
    return refuse('quote-too-large', raTlsOids.evidence, `more than ${dcapQuoteBytesMax} bytes`)
  }
  const claims = parseRaTlsClaims(claimsBytes)
  return claims.ok ? ok({ form: 'dice', quote, claimsBytes, claims: claims.value }) : claims
}

/** Parses the claims that a quote is about: a map; those that are not known are passed over. */
export function parseRaTlsClaims(bytes: Uint8Array): Result<RaTlsClaims, Problem<RaTlsCode>> {
  const limits = { bytesMax: raTlsExtensionBytesMax, depthMax: raTlsDepthMax }
  const decoded = cborOf(bytes, limits)
  if (!decoded.ok) return decoded
  if (!(decoded.value instanceof Map)) return malformedClaims('a map expected')
  const entry: unknown = decoded.value.get('pubkey-hash')
  const nonce: unknown = decoded.value.get('nonce')
  if (nonce !== undefined && !(nonce instanceof Uint8Array)) {
    return malformedClaims('a nonce of bytes expected')
  }
  if (!(entry instanceof Uint8Array)) return malformedClaims('pubkey-hash of bytes expected')
  const hash = cborOf(entry, limits)
  if (!hash.ok) return hash
  if (!Array.isArray(hash.value) || hash.value.length !== 2) {
    return malformedClaims('an algorithm and a value expected')
  }
  const [id, value] = hash.value as readonly unknown[]
  const algorithm = typeof id === 'number' ? hashes.get(id) : undefined
  if (algorithm === undefined) {
    return refuse('ra-tls-unsupported-hash', 'claims.pubkey-hash', 'known: 1, 7 and 8')
  }
  if (!(value instanceof Uint8Array)) return malformedClaims('a hash of bytes expected')
  const workload = readWorkload(decoded.value)
  return workload.ok
    ? ok({ publicKeyHash: { algorithm, value }, nonce, workload: workload.value })
    : workload
}

/** Names of claims: those of the interoperable form, and ours. */
export const raTlsClaimNames = {
  publicKeyHash: 'pubkey-hash',
  nonce: 'nonce',
  runtimeData: 'sealward-runtime-data',
  initTimeData: 'sealward-init-time-data',
  notBefore: 'sealward-not-before',
  notAfter: 'sealward-not-after',
} as const

/** All four of them, or none. */
function readWorkload(claims: CborMap): Result<RaTlsWorkload | undefined, Problem<RaTlsCode>> {
  const names = raTlsClaimNames
  const [runtimeData, initTimeData, notBefore, notAfter] = [
    claims.get(names.runtimeData),
    claims.get(names.initTimeData),
    claims.get(names.notBefore),
    claims.get(names.notAfter),
  ]
  const values = [runtimeData, initTimeData, notBefore, notAfter]
  if (values.every((value) => value === undefined)) return ok(undefined)
  return runtimeData instanceof Uint8Array &&
    initTimeData instanceof Uint8Array &&
    typeof notBefore === 'number' &&
    typeof notAfter === 'number'
    ? ok({ runtimeData, initTimeData, notBefore, notAfter })
    : malformedClaims('runtime data, init-time data and two times expected')
}

/**
 * Writes claims: the digest of a public key, and who a workload is.
 *
 * @param spki - DER of SubjectPublicKeyInfo; its SHA-256 is what stands in the claims.
 */
export async function encodeRaTlsClaims(
  spki: Uint8Array,
  nonce: Uint8Array,
  workload: RaTlsWorkload,
): Promise<Uint8Array> {
  const names = raTlsClaimNames
  return encodeCbor(
    new Map<string, Uint8Array | number>([
      [names.publicKeyHash, encodeCbor([sha256Id, await sha256(spki)])],
      [names.nonce, nonce],
      [names.runtimeData, workload.runtimeData],
      [names.initTimeData, workload.initTimeData],
      [names.notBefore, workload.notBefore],
      [names.notAfter, workload.notAfter],
    ]),
  )
}

/** Writes the value of the evidence's extension: a quote, and the claims that its REPORTDATA is the digest of. */
export function encodeRaTlsEvidence(quote: Uint8Array, claims: Uint8Array): Uint8Array {
  // Major type 6 with two bytes of argument.
  const tag = Uint8Array.of(0xd9, tags.quote >> 8, tags.quote & 0xff)
  return concat(tag, encodeCbor([quote, claims]))
}

const sha256Id = 1

/** IANA, Named Information Hash Algorithm Registry. */
const hashes: ReadonlyMap<number, DigestAlgorithm> = new Map([
  [sha256Id, 'SHA-256'],
  [7, 'SHA-384'],
  [8, 'SHA-512'],
])

function extensionOf({ extensions }: Certificate, oid: string): Uint8Array | undefined {
  return extensions.find((extension) => extension.oid === oid)?.value
}

function malformed(detail: string): Result<never, Problem<RaTlsCode>> {
  return refuse('ra-tls-evidence-malformed', raTlsOids.evidence, detail)
}

function malformedClaims(detail: string): Result<never, Problem<RaTlsCode>> {
  return refuse('ra-tls-claims-malformed', 'claims', detail)
}
