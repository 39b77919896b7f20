/**
 * COSE_Sign1 under a chain of three certificates, by a small encoder and keys that are drawn here.
 *
 * @module
 */

import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
} from 'node:crypto'
import { concat, utf8Of } from '../bytes/index.ts'

export interface CoseWorld {
  readonly message: Uint8Array
  readonly did: string
  readonly feed: string
  readonly measurement: string
}

export type CoseAlgorithm = 'ES256' | 'ES384' | 'PS256' | 'PS384' | 'PS512'

export interface CoseWorldChanges {
  /** Claims in one header and the measurement as payload, with this version. */
  readonly claimsSvn?: Uint8Array
  readonly rawPayload?: Uint8Array
  readonly protectedHeaders?: readonly (readonly [Uint8Array, Uint8Array])[]
  readonly certificates?: (chain: readonly Uint8Array[]) => readonly Uint8Array[]
  readonly did?: string
  readonly payload?: unknown
  readonly algorithm?: CoseAlgorithm
  readonly untagged?: boolean
  readonly leafPurpose?: string
  readonly leafIsCa?: boolean
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const authority = generateKeyPairSync('rsa', { modulusLength: 2048 })
const root = generateKeyPairSync('rsa', { modulusLength: 2048 })

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING }
const raw = { dsaEncoding: 'ieee-p1363' } as const
const signers: Readonly<
  Record<CoseAlgorithm, readonly [number, KeyObject, string, Omit<SignKeyObjectInput, 'key'>]>
> = {
  ES256: [-7, p256.privateKey, 'sha256', raw],
  ES384: [-35, p384.privateKey, 'sha384', raw],
  PS256: [-37, rsa.privateKey, 'sha256', { ...pss, saltLength: 32 }],
  PS384: [-38, rsa.privateKey, 'sha384', { ...pss, saltLength: 48 }],
  PS512: [-39, rsa.privateKey, 'sha512', { ...pss, saltLength: 64 }],
}

/** In force from 2026-01-01 to 2026-12-31, signed on 2026-06-01. */
export const coseInstants: {
  readonly from: number
  readonly signed: number
  readonly until: number
} = { from: 1_767_225_600, signed: 1_780_272_000, until: 1_798_675_200 }

export const uvmPurpose = '1.3.6.1.4.1.311.76.59.1.2'
const measurement = 'ab'.repeat(48)

/** An endorsement of a utility VM. */
export function coseWorld(changes: CoseWorldChanges = {}): CoseWorld {
  const { algorithm = 'PS384', leafPurpose = uvmPurpose, leafIsCa = false } = changes
  const [number, key, digest, options] = signers[algorithm]
  const whole = [
    certificate({
      name: 'Signer',
      issuer: 'Authority',
      key,
      signer: authority.privateKey,
      isCa: leafIsCa,
      purpose: leafPurpose,
    }),
    certificate({
      name: 'Authority',
      issuer: 'Root',
      key: authority.privateKey,
      signer: root.privateKey,
      isCa: true,
    }),
    certificate({
      name: 'Root',
      issuer: 'Root',
      key: root.privateKey,
      signer: root.privateKey,
      isCa: true,
    }),
  ]
  const chain = changes.certificates?.(whole) ?? whole
  const fingerprint = createHash('sha256')
    .update(whole[2] ?? '')
    .digest('base64url')
  const did = `did:x509:0:sha256:${fingerprint}::eku:${uvmPurpose}`
  const protectedHeaders = cborMap(
    [cborInteger(1), cborInteger(number)],
    [cborInteger(33), cborArray(...chain.map((der) => cborBytes(der)))],
    ...statementsOf(changes, changes.did ?? did),
    ...(changes.protectedHeaders ?? []),
  )
  const payload =
    changes.rawPayload ??
    utf8Of(
      JSON.stringify(
        changes.payload ?? {
          'x-ms-sevsnpvm-guestsvn': '22',
          'x-ms-sevsnpvm-launchmeasurement': measurement,
        },
      ),
    )
  const toSign = cborArray(
    cborText('Signature1'),
    cborBytes(protectedHeaders),
    cborBytes(new Uint8Array()),
    cborBytes(payload),
  )
  const signature = new Uint8Array(sign(digest, toSign, { key, ...options }))
  const message = cborArray(
    cborBytes(protectedHeaders),
    cborMap(),
    cborBytes(payload),
    cborBytes(signature),
  )
  return {
    message: changes.untagged === true ? message : cborTag(18, message),
    did,
    feed: 'Feed',
    measurement,
  }
}

function statementsOf(
  { claimsSvn }: CoseWorldChanges,
  did: string,
): readonly (readonly [Uint8Array, Uint8Array])[] {
  if (claimsSvn === undefined) {
    return [
      [cborInteger(3), cborText('application/json')],
      [cborText('iss'), cborText(did)],
      [cborText('feed'), cborText('Feed')],
      [cborText('signingtime'), cborTag(1, cborInteger(coseInstants.signed))],
    ]
  }
  const claims = cborMap(
    [cborInteger(1), cborText(did)],
    [cborInteger(2), cborText('Feed')],
    [cborInteger(6), cborInteger(coseInstants.signed)],
    [cborText('svn'), claimsSvn],
  )
  return [
    [cborInteger(15), claims],
    [cborInteger(300), cborText('application/octet-stream')],
  ]
}

export function cborInteger(value: number): Uint8Array {
  return value < 0 ? cborHead(1, -1 - value) : cborHead(0, value)
}

export function cborBytes(bytes: Uint8Array): Uint8Array {
  return concat(cborHead(2, bytes.length), bytes)
}

export function cborText(text: string): Uint8Array {
  const bytes = utf8Of(text)
  return concat(cborHead(3, bytes.length), bytes)
}

export function cborArray(...items: readonly Uint8Array[]): Uint8Array {
  return concat(cborHead(4, items.length), ...items)
}

export function cborMap(...entries: readonly (readonly [Uint8Array, Uint8Array])[]): Uint8Array {
  return concat(cborHead(5, entries.length), ...entries.flat())
}

export function cborTag(tag: number, item: Uint8Array): Uint8Array {
  return concat(cborHead(6, tag), item)
}

function cborHead(major: number, argument: number): Uint8Array {
  const type = major << 5
  if (argument < 24) return Uint8Array.of(type | argument)
  if (argument < 0x100) return Uint8Array.of(type | 24, argument)
  if (argument < 0x1_0000) return Uint8Array.of(type | 25, argument >> 8, argument & 0xff)
  return concat(
    Uint8Array.of(type | 26),
    Uint8Array.from([24, 16, 8, 0], (shift) => (argument >>> shift) & 0xff),
  )
}

interface CertificateFields {
  readonly name: string
  readonly issuer: string
  /** Its public half is certified. */
  readonly key: KeyObject
  readonly signer: KeyObject
  readonly isCa?: boolean
  readonly purpose?: string
  /** Further extensions: object identifier and value. */
  readonly extensions?: readonly (readonly [string, Uint8Array])[]
}

/** DER of a certificate, signed by RSA with SHA-384, or by ECDSA with SHA-256. */
export function certificate(fields: CertificateFields): Uint8Array {
  const { name, issuer, key, signer, isCa = false, purpose, extensions = [] } = fields
  const algorithm =
    signer.asymmetricKeyType === 'rsa'
      ? der(0x30, oid('1.2.840.113549.1.1.12'), Uint8Array.of(5, 0))
      : der(0x30, oid('1.2.840.10045.4.3.2'))
  const extension = (id: string, value: Uint8Array): Uint8Array => der(0x30, oid(id), der(4, value))
  const tbs = der(
    0x30,
    Uint8Array.of(0xa0, 3, 2, 1, 2),
    Uint8Array.of(2, 1, 1),
    algorithm,
    nameOf(issuer),
    der(0x30, der(0x17, utf8Of('260101000000Z')), der(0x17, utf8Of('261231000000Z'))),
    nameOf(name),
    new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' })),
    der(
      0xa3,
      der(
        0x30,
        extension('2.5.29.19', isCa ? der(0x30, Uint8Array.of(1, 1, 0xff)) : der(0x30)),
        extension('2.5.29.15', isCa ? Uint8Array.of(3, 2, 1, 6) : Uint8Array.of(3, 2, 7, 0x80)),
        ...(purpose === undefined ? [] : [extension('2.5.29.37', der(0x30, oid(purpose)))]),
        ...extensions.map(([id, value]) => extension(id, value)),
      ),
    ),
  )
  const hash = signer.asymmetricKeyType === 'rsa' ? 'sha384' : 'sha256'
  const signature = new Uint8Array(sign(hash, tbs, signer))
  return der(0x30, tbs, algorithm, der(3, Uint8Array.of(0), signature))
}

function nameOf(commonName: string): Uint8Array {
  return der(0x30, der(0x31, der(0x30, oid('2.5.4.3'), der(0x0c, utf8Of(commonName)))))
}

export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concat(...contents)
  const { length } = content
  if (length < 0x80) return concat(Uint8Array.of(tag, length), content)
  if (length < 0x100) return concat(Uint8Array.of(tag, 0x81, length), content)
  return concat(Uint8Array.of(tag, 0x82, length >> 8, length & 0xff), content)
}

export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number)
  return der(6, ...[40 * first + second, ...arcs].map(base128))
}

function base128(arc: number): Uint8Array {
  const digits = [arc & 0x7f]
  for (let rest = arc >>> 7; rest > 0; rest >>>= 7) digits.unshift(0x80 | (rest & 0x7f))
  return Uint8Array.from(digits)
}
