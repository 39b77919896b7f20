/**
 * The JSON Web Signature that carries a policy, a reset or a signer.
 *
 * @see RFC 7515; Azure REST API specifications, attestation data plane, `StoredAttestationPolicy`
 * @module
 */

import {
  bytesOfBase64,
  bytesOfBase64Url,
  concat,
  equalBytes,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
  utf8Of,
} from '@sealward/attestation/bytes'
import {
  type Certificate,
  type PublicKey,
  p256KeyOf,
  parseCertificate,
  rsaKeyOf,
} from '@sealward/attestation/x509'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import { limits } from './limits.ts'

export type PolicyJwsCode =
  | 'policy-jws-malformed'
  | 'policy-jws-algorithm'
  | 'policy-jws-key'
  | 'policy-jws-key-mismatch'
  | 'policy-jws-signature'

/** A JSON Web Signature whose signature, if it is to have one, verified under the key that it names itself. */
export interface PolicyJws {
  /** As it came: three parts with dots between. */
  readonly text: string
  /** `undefined`: unsecured, `alg` is `none`. */
  readonly signer: JwsSigner | undefined
  readonly payload: Uint8Array
}

/** The key that a signature names. Whether it is anybody's is another question. */
export interface JwsSigner {
  readonly algorithm: 'RS256' | 'ES256'
  readonly publicKey: PublicKey
  /** From `x5c`, the signer's own first; none when the header has but a bare `jwk`. */
  readonly chain: readonly Certificate[]
  /** What `x-ms-policy-signer` says of it. */
  readonly jwk: Readonly<Record<string, unknown>>
}

/**
 * Parses a compact JWS and verifies its signature by the key in its own header: `x5c`, `jwk`, or both that agree.
 *
 * No address in the header is followed, and no algorithm but RS256, ES256 and `none` is known.
 *
 * @returns the signature's parts, one of {@link PolicyJwsCode}, or why JSON or a certificate in it was refused.
 */
export function readPolicyJws(text: string): Result<PolicyJws, Problem> {
  const parts = text.split('.')
  const [encodedHeader = '', encodedPayload = '', encodedSignature = ''] = parts
  const [header, payload, signature] = [encodedHeader, encodedPayload, encodedSignature].map(
    bytesOfBase64Url,
  )
  if (parts.length !== 3 || !header || !payload || !signature) {
    return refuse(
      'policy-jws-malformed',
      '',
      'a compact JSON Web Signature is expected: three parts of base64url with dots between',
    )
  }
  const json = jsonOf(header, { bytesMax: limits.bodyBytesMax, depthMax: limits.depthMax })
  if (!json.ok) return { ok: false, problem: { ...json.problem, at: `header${json.problem.at}` } }
  const named = reading(json.value, 'header', readHeader)
  if (!named.ok) return named
  const { algorithm } = named.value
  switch (algorithm) {
    case 'none':
      return signature.length === 0
        ? ok({ text, signer: undefined, payload })
        : refuse('policy-jws-signature', 'signature', 'an unsecured JWS has an empty third part')
    case 'RS256':
    case 'ES256':
      break
    default:
      return refuse('policy-jws-algorithm', 'header.alg', unknownAlgorithm(algorithm))
  }
  const signer = signerOf(algorithm, named.value)
  if (!signer.ok) return signer
  const isSigned = nodeCryptography.verify({
    publicKey: signer.value.publicKey,
    signature: { algorithm: signatureAlgorithms[algorithm], bytes: signature },
    message: utf8Of(`${encodedHeader}.${encodedPayload}`),
  })
  return isSigned === true
    ? ok({ text, signer: signer.value, payload })
    : refuse('policy-jws-signature', 'signature', 'not made by the key in the header')
}

/** A JSON Web Key with a certificate or numbers, as `maa-policyCertificate` holds one too. */
export interface CertifiedJwk {
  /** By its numbers, where it has them. */
  readonly key: PublicKey | undefined
  /** The numbers as they were written. */
  readonly numbers: Readonly<Record<string, string>>
  readonly x5c: readonly string[]
  /** What `x5c` holds. */
  readonly chain: readonly Certificate[]
}

/** Reads a public JWK. One with a private part is refused: it would be kept, and shown to everybody. */
export function readJwk(shape: Shape): CertifiedJwk {
  return shape.object('ignored', (fields) => {
    for (const name of ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth']) {
      fields.optional(name)?.fail('wrong-value', 'a private key must not leave its owner')
    }
    const names = fields.required('kty').oneOf(['RSA', 'EC']) === 'RSA' ? ['n', 'e'] : ['x', 'y']
    const numbers: Record<string, string> = {}
    for (const name of names) {
      const field = fields.optional(name)
      if (field !== undefined) numbers[name] = field.string(limits.keyNumberCharactersMax)
    }
    const hasNumbers = Object.keys(numbers).length > 0
    if (hasNumbers && names[0] === 'x') numbers['crv'] = fields.required('crv').oneOf(['P-256'])
    const key = hasNumbers ? keyOfNumbers(numbers) : undefined
    if (hasNumbers && key === undefined) {
      shape.fail('wrong-value', 'RSA of 2048 to 4096 bits or P-256 expected')
    }
    return { key, numbers, ...readChain(fields.optional('x5c')) }
  })
}

interface Header {
  readonly algorithm: string
  readonly x5c: readonly string[]
  readonly chain: readonly Certificate[]
  readonly jwk: CertifiedJwk | undefined
}

function readHeader(shape: Shape): Header {
  return shape.object('ignored', (fields) => {
    const algorithm = fields.required('alg').string(limits.nameCharactersMax)
    fields.optional('crit')?.fail('field-unknown', 'no extension of JWS is known here')
    const jwk = fields.optional('jwk')
    return {
      algorithm,
      ...readChain(fields.optional('x5c')),
      jwk: jwk === undefined ? undefined : readJwk(jwk),
    }
  })
}

function readChain(shape: Shape | undefined): Pick<CertifiedJwk, 'x5c' | 'chain'> {
  const read =
    shape?.list(
      limits.chainCertificatesMax,
      (item) => {
        const text = item.string(limits.certificateCharactersMax)
        const der = bytesOfBase64(text) ?? item.fail('wrong-value', 'base64 of DER expected')
        const certificate = parseCertificate(der)
        return certificate.ok
          ? { text, certificate: certificate.value }
          : item.fail('wrong-value', `a certificate that is refused: ${certificate.problem.code}`)
      },
      1,
    ) ?? []
  return {
    x5c: read.map(({ text }) => text),
    chain: read.map(({ certificate }) => certificate),
  }
}

function keyOfNumbers(numbers: Readonly<Record<string, string>>): PublicKey | undefined {
  const bytesOfNumber = (name: string): Uint8Array => bytesOfBase64Url(numbers[name] ?? '') ?? none
  if (numbers['crv'] === undefined) return rsaKeyOf(bytesOfNumber('n'), bytesOfNumber('e'))
  const [x, y] = [bytesOfNumber('x'), bytesOfNumber('y')]
  return x.length === 32 && y.length === 32 ? p256KeyOf(concat(x, y)) : undefined
}

const none: Uint8Array = new Uint8Array()

/** The one key that a header names, in one way or in several. */
function signerOf(
  algorithm: 'RS256' | 'ES256',
  { x5c, chain, jwk }: Header,
): Result<JwsSigner, Problem<PolicyJwsCode>> {
  const certified = chain.length > 0 ? chain : (jwk?.chain ?? [])
  const named = [chain[0]?.publicKey, jwk?.chain[0]?.publicKey, jwk?.key]
  const hasUnknownKind = [chain[0], jwk?.chain[0]].some(
    (certificate) => certificate !== undefined && certificate.publicKey === undefined,
  )
  const [publicKey, ...others] = named.filter((key) => key !== undefined)
  const kind = algorithm === 'RS256' ? 'rsa' : 'p256'
  if (publicKey === undefined || hasUnknownKind || publicKey.kind !== kind) {
    return refuse(
      'policy-jws-key',
      'header',
      `a key for ${algorithm} is expected in x5c or jwk: ${kind === 'rsa' ? 'RSA of 2048 to 4096 bits' : 'P-256'}`,
    )
  }
  if (others.some((other) => !isSameKey(publicKey, other))) {
    return refuse('policy-jws-key-mismatch', 'header', 'x5c and jwk name different keys')
  }
  const shown = x5c.length > 0 ? x5c : (jwk?.x5c ?? [])
  return ok({
    algorithm,
    publicKey,
    chain: certified,
    jwk: {
      alg: algorithm,
      kty: kind === 'rsa' ? 'RSA' : 'EC',
      use: 'sig',
      ...(shown.length > 0 ? { x5c: shown } : jwk?.numbers),
    },
  })
}

/** Whether two keys are one. */
export function isSameKey(a: PublicKey, b: PublicKey): boolean {
  return a.kind === b.kind && equalBytes(bytesOfKey(a), bytesOfKey(b))
}

function bytesOfKey(key: PublicKey): Uint8Array {
  return key.kind === 'rsa' ? key.spki : key.point
}

const signatureAlgorithms = { RS256: 'rsa-pkcs1-sha256', ES256: 'ecdsa-p256-sha256' } as const

function unknownAlgorithm(algorithm: string): string {
  return algorithm === 'RSA256'
    ? 'RS256 is what a page of Azure calls RSA256, a name that is not registered'
    : 'known: RS256 and ES256, and none where a signature is not asked for'
}
