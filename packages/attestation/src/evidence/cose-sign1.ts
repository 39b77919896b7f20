/**
 * COSE_Sign1 with a certificate chain, as Microsoft signs statements about what it ships.
 *
 * @see RFC 9052, sections 3 and 4; RFC 9360, section 2 (x5chain); RFC 9597 (claims in headers)
 * @module
 */

import {
  type CborCode,
  type CborMap,
  CborTag,
  type CborValue,
  cborOf,
  concat,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
  utf8Of,
} from '../bytes/index.ts'
import {
  type Certificate,
  chainCertificatesMax,
  parseCertificate,
  type Signature,
  type SignatureAlgorithm,
  type X509Code,
} from '../x509/index.ts'
import { coseDepthMax, coseSign1BytesMax } from './limits.ts'

/** A signed statement. Believed by nobody yet. */
export interface CoseSign1 {
  readonly signature: Signature
  /** `Sig_structure`: what was signed. */
  readonly signedBytes: Uint8Array
  readonly payload: Uint8Array
  /** As text, or as a CoAP content format; of a payload that is a digest, that of what was digested. */
  readonly contentType: string | number | undefined
  /** From the signer's certificate up, in the order found. */
  readonly certificates: readonly Certificate[]
  /** `iss`: who the signer says to be. */
  readonly issuer: string | undefined
  /** `feed`, or `sub` of the claims: which line of statements this one is of. */
  readonly feed: string | undefined
  /** `signingtime`, or `iat` of the claims: when the signer says to have signed. */
  readonly signedAt: UnixSeconds | undefined
  /** `svn` of the claims: security version of what the statement is about. */
  readonly svn: number | undefined
}

/** Why a statement was refused. */
export type CoseSign1Code =
  | CborCode
  | X509Code
  | 'cose-malformed'
  | 'cose-unsupported-algorithm'
  | 'cose-critical-header'

/**
 * Parses a COSE_Sign1, tagged or not, whose payload is inside. All that is read stands in the protected header.
 *
 * @returns the fields, or one of {@link CoseSign1Code}.
 */
export function parseCoseSign1(input: Uint8Array): Result<CoseSign1, Problem<CoseSign1Code>> {
  const limits = { bytesMax: coseSign1BytesMax, depthMax: coseDepthMax }
  const decoded = cborOf(input, limits, [tags.epoch, tags.sign1])
  if (!decoded.ok) return decoded
  const message = isTag(decoded.value, tags.sign1) ? decoded.value.value : decoded.value
  if (!isList(message) || message.length !== 4) return malformed('', 'a list of four expected')
  const [protectedBytes, unprotected, payload, signature] = message
  if (
    !(protectedBytes instanceof Uint8Array) ||
    !(unprotected instanceof Map) ||
    !(payload instanceof Uint8Array) ||
    !(signature instanceof Uint8Array)
  ) {
    return malformed('', 'headers, payload and signature expected')
  }
  const headers = cborOf(protectedBytes, limits, [tags.epoch])
  if (!headers.ok) return headers
  if (!(headers.value instanceof Map)) return malformed('protected', 'a map expected')

  const read = readHeaders(headers.value as CborMap)
  if (!read.ok) return read
  const { algorithm, ...said } = read.value
  const signedBytes = concat(
    Uint8Array.of(0x84, 0x6a),
    utf8Of('Signature1'),
    byteString(protectedBytes),
    Uint8Array.of(0x40),
    byteString(payload),
  )
  return ok({ signature: { algorithm, bytes: signature }, signedBytes, payload, ...said })
}

const tags = { epoch: 1, sign1: 18 } as const

/** IANA, COSE Header Parameters. */
const labels = {
  algorithm: 1,
  critical: 2,
  contentType: 3,
  claims: 15,
  certificates: 33,
  /** 300 before it was registered. */
  preimageContentType: [259, 300],
} as const

type Headers = Omit<CoseSign1, 'signature' | 'signedBytes' | 'payload'> & {
  readonly algorithm: SignatureAlgorithm
}

function readHeaders(headers: CborMap): Result<Headers, Problem<CoseSign1Code>> {
  if (headers.has(labels.critical)) {
    return refuse('cose-critical-header', 'protected', 'a header that must be understood')
  }
  const number = headers.get(labels.algorithm)
  const algorithm = typeof number === 'number' ? algorithms.get(number) : undefined
  if (algorithm === undefined) {
    return refuse('cose-unsupported-algorithm', 'protected', 'known: ES256, ES384, PS256 to PS512')
  }
  const certificates = readCertificates(headers.get(labels.certificates))
  if (!certificates.ok) return certificates

  const contentType = [labels.contentType, ...labels.preimageContentType]
    .map((label) => headers.get(label))
    .find((value) => value !== undefined)
  if (
    contentType !== undefined &&
    typeof contentType !== 'string' &&
    typeof contentType !== 'number'
  ) {
    return malformed('protected.content-type', 'text or a number expected')
  }
  const said = readStatements(headers)
  return said.ok
    ? ok({ algorithm, certificates: certificates.value, contentType, ...said.value })
    : said
}

type Statements = Pick<CoseSign1, 'issuer' | 'feed' | 'signedAt' | 'svn'>

/** In claims (RFC 9597), or in headers of their own, as it was done before there were such. */
function readStatements(headers: CborMap): Result<Statements, Problem<CoseSign1Code>> {
  const own = [headers.get('iss'), headers.get('feed'), headers.get('signingtime')] as const
  const claims = headers.get(labels.claims)
  if (claims !== undefined && own.some((value) => value !== undefined)) {
    return malformed('protected', 'claims in two places')
  }
  if (claims !== undefined && !(claims instanceof Map)) {
    return malformed('protected.claims', 'a map expected')
  }
  const map = claims as CborMap | undefined
  // RFC 8392, section 4: iss, sub and iat.
  const [issuer, feed, time] = map === undefined ? own : [map.get(1), map.get(2), map.get(6)]
  const svn = map?.get('svn')
  const signedAt = isTag(time, tags.epoch) ? time.value : time
  if (!isTextOrAbsent(issuer) || !isTextOrAbsent(feed)) {
    return malformed('protected', 'issuer and feed as text expected')
  }
  if (!isCountOrAbsent(signedAt) || !isCountOrAbsent(svn)) {
    return malformed('protected', 'time and version as whole numbers expected')
  }
  return ok({ issuer, feed, signedAt, svn })
}

/** RFC 9053, section 2. */
const algorithms: ReadonlyMap<number, SignatureAlgorithm> = new Map([
  [-7, 'ecdsa-p256-sha256'],
  [-35, 'ecdsa-p384-sha384'],
  [-37, 'rsa-pss-sha256'],
  [-38, 'rsa-pss-sha384'],
  [-39, 'rsa-pss-sha512'],
])

/** One certificate, or a list of at least two. */
function readCertificates(
  value: CborValue | undefined,
): Result<readonly Certificate[], Problem<CoseSign1Code>> {
  const at = 'protected.x5chain'
  const found = value instanceof Uint8Array ? [value] : value
  if (!isList(found) || found.length === 0) return malformed(at, 'certificates expected')
  if (found.length > chainCertificatesMax) {
    return refuse('too-many-certificates', at, `more than ${chainCertificatesMax}`)
  }
  const certificates: Certificate[] = []
  for (const der of found) {
    if (!(der instanceof Uint8Array)) return malformed(at, 'byte strings expected')
    const certificate = parseCertificate(der)
    if (!certificate.ok) return certificate
    certificates.push(certificate.value)
  }
  return ok(certificates)
}

function isList(value: CborValue | undefined): value is readonly CborValue[] {
  return Array.isArray(value)
}

function isTag(value: CborValue | undefined, tag: number): value is CborTag {
  return value instanceof CborTag && value.tag === tag
}

function isTextOrAbsent(value: CborValue | undefined): value is string | undefined {
  return value === undefined || typeof value === 'string'
}

function isCountOrAbsent(value: CborValue | undefined): value is number | undefined {
  return (
    value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
  )
}

function malformed(at: string, detail: string): Result<never, Problem<CoseSign1Code>> {
  return refuse('cose-malformed', at, detail)
}

/** A byte string with its length before it, in the shortest form (RFC 8949, section 3). */
function byteString(bytes: Uint8Array): Uint8Array {
  const { length } = bytes
  if (length < 24) return concat(Uint8Array.of(0x40 | length), bytes)
  if (length < 0x100) return concat(Uint8Array.of(0x58, length), bytes)
  return length < 0x1_0000
    ? concat(Uint8Array.of(0x59, length >> 8, length & 0xff), bytes)
    : concat(Uint8Array.of(0x5a, 0, length >> 16, (length >> 8) & 0xff, length & 0xff), bytes)
}
