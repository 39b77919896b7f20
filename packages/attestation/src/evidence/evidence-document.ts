/**
 * What a service in a TEE answers to whoever asks who it is.
 *
 * @see docs/spec/evidence-document.md
 * @module
 */

import {
  bytesOfBase64Url,
  type Fields,
  type JsonCode,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
  type ShapeCode,
  utf8Of,
} from '../bytes/index.ts'
import {
  acceptedValuesMax,
  dataDepthMax,
  dcapQuoteBytesMax,
  endorsementCrlMax,
  endorsementJsonMax,
  endorsementPemMax,
  initTimeDataBytesMax,
  ohttpTextMax,
  peersMax,
  raTlsExtensionBytesMax,
  runtimeDataBytesMax,
  shortTextMax,
} from './limits.ts'
import { type TeeRole, teeRoles } from './tee-role.ts'

/** Media type `application/vnd.sealward.evidence+json`. */
export interface EvidenceDocument {
  readonly kind: 'sgx'
  /** SGX quote, base64url. */
  readonly quote: string
  /** JSON bytes, base64url. SHA-256 of them is the lower half of REPORTDATA; the upper half is zero. */
  readonly runtimeData: string
  /** Of evidence from a certificate, base64url: REPORTDATA is of these, and the runtime data stands in them. */
  readonly claims?: string
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

/** The RSA-3072 public key that keys are released to. `kid` is its RFC 7638 thumbprint. */
export interface EncryptionKeyJwk {
  readonly kty: 'RSA'
  readonly n: string
  readonly e: 'AQAB'
  readonly use: 'enc'
  readonly alg: 'RSA-OAEP-256'
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
  /** The identity key; and of a workload that keys are released to, what they are encrypted to. */
  readonly keys: readonly [identity: IdentityKeyJwk, encryption?: EncryptionKeyJwk]
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
    /** Policies whose tokens are accepted, as `x-ms-policy-hash` has them; one at least. */
    readonly policyHashes: readonly string[]
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
  /** JWK thumbprints (RFC 7638) of keys whose holders may have a database that was put back gone on with; of the platform. */
  readonly restorers?: readonly string[]
}

/** An {@link EvidenceDocument} with its texts decoded. Believed by nobody yet. */
export interface ParsedEvidenceDocument {
  readonly kind: 'sgx'
  readonly quote: Uint8Array
  /** The bytes that were hashed. */
  readonly runtimeDataBytes: Uint8Array
  readonly runtimeData: RuntimeData
  /** What was hashed instead of the runtime data, where they stand in it. */
  readonly claimsBytes: Uint8Array | undefined
  /** The bytes that were hashed. */
  readonly initTimeDataBytes: Uint8Array
  readonly initTimeData: InitTimeData
  readonly endorsements: EndorsementsJson
}

/** Why an evidence document or what it carries was refused. */
export type EvidenceDocumentCode = ShapeCode | JsonCode | 'not-base64url'

/**
 * Parses an {@link EvidenceDocument}: every field known, every size limited.
 *
 * Whether the quote binds the data is asked later, of `verifyBindings`.
 *
 * @param document - what `JSON.parse` or `jsonOf` built.
 * @returns the decoded document, or one of {@link EvidenceDocumentCode}.
 */
export function parseEvidenceDocument(
  document: unknown,
): Result<ParsedEvidenceDocument, Problem<EvidenceDocumentCode>> {
  const texts = reading(document, '', readDocument)
  if (!texts.ok) return texts
  const quote = bytesOfBase64Url(texts.value.quote)
  if (quote === undefined) return refuse('not-base64url', 'quote', 'base64url expected')
  const runtimeDataBytes = bytesOfBase64Url(texts.value.runtimeData)
  if (runtimeDataBytes === undefined) {
    return refuse('not-base64url', 'runtimeData', 'base64url expected')
  }
  const initTimeDataBytes = bytesOfBase64Url(texts.value.initTimeData)
  if (initTimeDataBytes === undefined) {
    return refuse('not-base64url', 'initTimeData', 'base64url expected')
  }
  const { claims } = texts.value
  const claimsBytes = claims === undefined ? undefined : bytesOfBase64Url(claims)
  if (claims !== undefined && claimsBytes === undefined) {
    return refuse('not-base64url', 'claims', 'base64url expected')
  }
  const runtimeData = parseRuntimeData(runtimeDataBytes)
  if (!runtimeData.ok) return runtimeData
  const initTimeData = parseInitTimeData(initTimeDataBytes)
  if (!initTimeData.ok) return initTimeData
  return ok({
    kind: 'sgx',
    quote,
    runtimeDataBytes,
    runtimeData: runtimeData.value,
    claimsBytes,
    initTimeDataBytes,
    initTimeData: initTimeData.value,
    endorsements: texts.value.endorsements,
  })
}

/** Parses the bytes of runtime data. Refusals are {@link EvidenceDocumentCode}. */
export function parseRuntimeData(
  input: Uint8Array,
): Result<RuntimeData, Problem<EvidenceDocumentCode>> {
  const json = jsonOf(input, { bytesMax: runtimeDataBytesMax, depthMax: dataDepthMax })
  return json.ok ? reading(json.value, 'runtimeData', readRuntimeData) : json
}

/** Parses the bytes of init-time data. Refusals are {@link EvidenceDocumentCode}. */
export function parseInitTimeData(
  input: Uint8Array,
): Result<InitTimeData, Problem<EvidenceDocumentCode>> {
  const json = jsonOf(input, { bytesMax: initTimeDataBytesMax, depthMax: dataDepthMax })
  return json.ok ? reading(json.value, 'initTimeData', readInitTimeData) : json
}

/** Runtime data as the bytes that are hashed: names sorted, no spaces. */
export function encodeRuntimeData(runtimeData: RuntimeData): Uint8Array {
  return utf8Of(sortedJsonOf(runtimeData))
}

/** Init-time data as the bytes that are hashed: names sorted, no spaces. */
export function encodeInitTimeData(initTimeData: InitTimeData): Uint8Array {
  return utf8Of(sortedJsonOf(initTimeData))
}

/** Parses the shape of endorsements: names, types, sizes. What is inside is not looked at. */
export function readEndorsements(shape: Shape): EndorsementsJson {
  return shape.object('refused', (fields) => {
    const pem = (name: string): string => fields.required(name).string(endorsementPemMax)
    const json = (name: string): string => fields.required(name).string(endorsementJsonMax)
    const crl = (name: string): string => fields.required(name).string(endorsementCrlMax)
    const signature = (name: string): string => fields.required(name).string(128, hex(64))
    return {
      pck_crl_issuer_chain: pem('pck_crl_issuer_chain'),
      root_ca_crl: crl('root_ca_crl'),
      pck_crl: crl('pck_crl'),
      tcb_info_issuer_chain: pem('tcb_info_issuer_chain'),
      tcb_info: json('tcb_info'),
      tcb_info_signature: signature('tcb_info_signature'),
      qe_identity_issuer_chain: pem('qe_identity_issuer_chain'),
      qe_identity: json('qe_identity'),
      qe_identity_signature: signature('qe_identity_signature'),
      ...present(
        'pck_certificate_chain',
        fields.optional('pck_certificate_chain')?.string(endorsementPemMax),
      ),
    }
  })
}

function readDocument(shape: Shape): EvidenceDocument {
  return shape.object('refused', (fields) => ({
    kind: fields.required('kind').oneOf(['sgx']),
    quote: fields.required('quote').string(base64Length(dcapQuoteBytesMax)),
    runtimeData: fields.required('runtimeData').string(base64Length(runtimeDataBytesMax)),
    ...present('claims', fields.optional('claims')?.string(base64Length(raTlsExtensionBytesMax))),
    initTimeData: fields.required('initTimeData').string(base64Length(initTimeDataBytesMax)),
    endorsements: readEndorsements(fields.required('endorsements')),
  }))
}

function readRuntimeData(shape: Shape): RuntimeData {
  return shape.object('refused', (fields) => {
    return {
      version: fields.required('version').oneOf([1]),
      nonce: fields.required('nonce').string(43, digest),
      deployment: readDeployment(fields.required('deployment')),
      role: fields.required('role').oneOf(teeRoles),
      keys: readKeys(fields.required('keys')),
      ...present('ohttp', fields.optional('ohttp')?.string(ohttpTextMax, base64Url)),
      ...present('tls', fields.optional('tls')?.object('refused', readTls)),
      ...present('model', fields.optional('model')?.object('refused', readModel)),
    }
  })
}

function readKeys(shape: Shape): RuntimeData['keys'] {
  const [identity, encryption] = shape.list(2, (key) => key, 1)
  if (identity === undefined) return shape.fail('wrong-value', 'one key expected')
  return encryption === undefined
    ? [readIdentityKey(identity)]
    : [readIdentityKey(identity), readEncryptionKey(encryption)]
}

function readEncryptionKey(shape: Shape): EncryptionKeyJwk {
  return shape.object('refused', (fields) => ({
    kty: fields.required('kty').oneOf(['RSA']),
    n: fields.required('n').string(512, modulus),
    e: fields.required('e').oneOf(['AQAB']),
    use: fields.required('use').oneOf(['enc']),
    alg: fields.required('alg').oneOf(['RSA-OAEP-256']),
    kid: fields.required('kid').string(43, digest),
  }))
}

function readIdentityKey(shape: Shape): IdentityKeyJwk {
  return shape.object('refused', (fields) => ({
    kty: fields.required('kty').oneOf(['EC']),
    crv: fields.required('crv').oneOf(['P-256']),
    x: fields.required('x').string(43, digest),
    y: fields.required('y').string(43, digest),
    use: fields.required('use').oneOf(['sig']),
    alg: fields.required('alg').oneOf(['ES256']),
    kid: fields.required('kid').string(43, digest),
  }))
}

function readTls(fields: Fields): { readonly 'x5t#S256': string } {
  return { 'x5t#S256': fields.required('x5t#S256').string(43, digest) }
}

function readModel(fields: Fields): NonNullable<RuntimeData['model']> {
  return {
    name: fields.required('name').string(shortTextMax),
    version: fields.required('version').string(shortTextMax),
    sha256: fields.required('sha256').string(64, hex(32)),
  }
}

function readInitTimeData(shape: Shape): InitTimeData {
  return shape.object('refused', (fields) => ({
    version: fields.required('version').oneOf([1]),
    deployment: readDeployment(fields.required('deployment')),
    role: fields.required('role').oneOf(teeRoles),
    attestation: fields.required('attestation').object('refused', (attestation) => ({
      issuer: attestation.required('issuer').string(shortTextMax, webAddress),
      signers: attestation
        .required('signers')
        .list(acceptedValuesMax, (signer) => signer.string(43, digest)),
      policyHashes: attestation
        .required('policyHashes')
        .list(acceptedValuesMax, (hash) => hash.string(43, digest), 1),
    })),
    peers: fields.required('peers').list(peersMax, readPeerExpectation),
    development: fields.required('development').boolean(),
    roots: readDigests(fields.required('roots')),
    ...present('identity', fields.optional('identity')?.object('refused', readIdentityProvider)),
    ...present(
      'restorers',
      fields.optional('restorers')?.list(acceptedValuesMax, (key) => key.string(43, digest), 1),
    ),
  }))
}

function readIdentityProvider(fields: Fields): NonNullable<InitTimeData['identity']> {
  return {
    issuer: fields.required('issuer').string(shortTextMax, webAddress),
    audience: fields.required('audience').string(shortTextMax),
    roleClaim: fields.required('roleClaim').string(shortTextMax),
  }
}

function readPeerExpectation(shape: Shape): PeerExpectation {
  return shape.object('refused', (fields) => ({
    role: fields.required('role').oneOf(teeRoles),
    mrEnclave: readDigests(fields.required('mrEnclave')),
    mrSigner: readDigests(fields.required('mrSigner')),
    isvProdId: fields.required('isvProdId').integer(0, 0xffff),
    isvSvnMin: fields.required('isvSvnMin').integer(0, 0xffff),
    debug: fields.required('debug').oneOf(['refused', 'dangerously-allowed']),
    tcbStatuses: fields
      .required('tcbStatuses')
      .list(acceptedValuesMax, (status) => status.string(64), 1),
    ...present(
      'model',
      fields.optional('model')?.object('refused', (model) => ({
        sha256: model.required('sha256').string(64, hex(32)),
      })),
    ),
    ...present('configId', fields.optional('configId') && readDigests(fields.required('configId'))),
  }))
}

function readDeployment(shape: Shape): string {
  return shape.string(45, uuidUrn)
}

/** At least one SHA-256, in hex. An empty list would accept nothing, and be taken for "anything". */
function readDigests(shape: Shape): readonly string[] {
  return shape.list(acceptedValuesMax, (item) => item.string(64, hex(32)), 1)
}

const uuidUrn = /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const webAddress = /^https?:\/\/[^\s]+$/
const base64Url = /^[A-Za-z0-9_-]+$/
/** 32 bytes in base64url; the last digit carries four bits. */
const digest = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
/** An odd number of 3072 bits in base64url: its first bit and its last are set. */
const modulus = /^[g-z0-9_-][A-Za-z0-9_-]{510}[BDFHJLNPRTVXZbdfhjlnprtvxz13579_]$/

function hex(bytes: number): RegExp {
  return new RegExp(`^[0-9a-f]{${2 * bytes}}$`)
}

function base64Length(bytes: number): number {
  return Math.ceil((bytes * 4) / 3)
}

/** A property that is left out when it has no value, as `exactOptionalPropertyTypes` asks. */
function present<const Name extends string, T>(
  name: Name,
  value: T | undefined,
): { readonly [K in Name]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [K in Name]: T })
}

function sortedJsonOf(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
