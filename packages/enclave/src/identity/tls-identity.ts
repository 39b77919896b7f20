/**
 * The key and the self-signed certificate that a workload shows on TLS.
 *
 * @see RFC 5280, sections 4.1 and 4.2
 * @module
 */

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import {
  base64Of,
  base64UrlOf,
  concat,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Random } from '../effects/index.ts'

/** What a workload shows on TLS, as client and as server. Trust in it comes from the evidence in it. */
export interface TlsIdentity {
  readonly privateKeyPem: string
  readonly certificatePem: string
  /** DER. */
  readonly certificate: Uint8Array
  /** Base64url SHA-256 of the DER. */
  readonly certificateSha256: string
  /** `undefined` for one without an end of its own. */
  readonly notAfter: UnixSeconds | undefined
}

/** A P-256 key for TLS. */
export interface TlsKey {
  readonly privateKey: KeyObject
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
}

export function createTlsKey(): TlsKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })) }
}

/** From when a certificate that is made `at` may be shown: an hour before, for peers whose clock is behind. */
export function notBeforeOf(at: UnixSeconds): UnixSeconds {
  return at - 3600
}

/**
 * Makes a certificate, signed by its own P-256 key.
 *
 * @param options.commonName - names nothing but the role.
 * @param options.key - drawn unless given.
 * @param options.notAfter - without it there is no end (RFC 5280, section 4.1.2.5).
 * @param options.evidence - value of the extension that carries evidence about the key.
 */
export function createTlsIdentity(options: {
  readonly commonName: string
  readonly at: UnixSeconds
  readonly random: Random
  readonly key?: TlsKey
  readonly notAfter?: UnixSeconds
  readonly evidence?: Uint8Array
}): TlsIdentity {
  const { privateKey, spki } = options.key ?? createTlsKey()
  const { evidence, notAfter } = options
  const serial = options.random.bytes(16)
  // Positive, and of one length.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const name = sequence(
    element(0x31, sequence(oid.commonName, element(0x0c, utf8Of(options.commonName)))),
  )
  const tbs = sequence(
    element(0xa0, element(0x02, Uint8Array.of(2))),
    element(0x02, serial),
    sequence(oid.ecdsaWithSha256),
    name,
    sequence(
      timeOf(notBeforeOf(options.at)),
      notAfter === undefined ? element(0x18, utf8Of('99991231235959Z')) : timeOf(notAfter),
    ),
    name,
    spki,
    element(
      0xa3,
      sequence(
        extension(oid.basicConstraints, true, sequence()),
        // digitalSignature
        extension(oid.keyUsage, true, element(0x03, Uint8Array.of(7, 0x80))),
        extension(oid.extendedKeyUsage, false, sequence(oid.serverAuth, oid.clientAuth)),
        ...(evidence === undefined ? [] : [extension(oid.evidence, false, evidence)]),
      ),
    ),
  )
  const signature = new Uint8Array(sign('sha256', tbs, privateKey))
  const certificate = sequence(
    tbs,
    sequence(oid.ecdsaWithSha256),
    element(0x03, concat(Uint8Array.of(0), signature)),
  )
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: pemOf(certificate),
    certificate,
    certificateSha256: base64UrlOf(createHash('sha256').update(certificate).digest()),
    notAfter,
  }
}

function element(tag: number, content: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(tag, ...lengthOf(content.length)), content)
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(0x30, concat(...parts))
}

function lengthOf(length: number): readonly number[] {
  if (length < 0x80) return [length]
  if (length < 0x100) return [0x81, length]
  if (length < 0x1_00_00) return [0x82, length >> 8, length & 0xff]
  return [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]
}

function extension(id: Uint8Array, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? element(0x01, Uint8Array.of(0xff)) : new Uint8Array()
  return sequence(id, flag, element(0x04, value))
}

/** UTCTime until 2049, GeneralizedTime after. */
function timeOf(at: UnixSeconds): Uint8Array {
  const text = new Date(at * 1000).toISOString().replace(/[-:T]|\.\d+/g, '')
  return text < '2050' ? element(0x17, utf8Of(text.slice(2))) : element(0x18, utf8Of(text))
}

/** Encoded object identifiers. */
const oid = {
  commonName: Uint8Array.of(0x06, 3, 0x55, 0x04, 0x03),
  basicConstraints: Uint8Array.of(0x06, 3, 0x55, 0x1d, 0x13),
  keyUsage: Uint8Array.of(0x06, 3, 0x55, 0x1d, 0x0f),
  extendedKeyUsage: Uint8Array.of(0x06, 3, 0x55, 0x1d, 0x25),
  serverAuth: Uint8Array.of(0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1),
  clientAuth: Uint8Array.of(0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2),
  /** tcg-dice-conceptual-message-wrapper */
  evidence: Uint8Array.of(0x06, 6, 0x67, 0x81, 0x05, 5, 4, 9),
  ecdsaWithSha256: Uint8Array.of(0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2),
} as const

function pemOf(der: Uint8Array): string {
  const lines = base64Of(der).replace(/(.{64})(?=.)/g, '$1\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}
