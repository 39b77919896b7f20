/**
 * The key and the self-signed certificate that a workload shows on TLS.
 *
 * @see RFC 5280, sections 4.1 and 4.2
 * @module
 */

import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import {
  base64Of,
  base64UrlOf,
  concat,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Random } from '../effects/index.ts'

/** What a workload shows on TLS, as client and as server. Trust in it comes from evidence that names it. */
export interface TlsIdentity {
  readonly privateKeyPem: string
  readonly certificatePem: string
  /** DER. */
  readonly certificate: Uint8Array
  /** Base64url SHA-256 of the DER. */
  readonly certificateSha256: string
}

/**
 * Makes a P-256 key and a certificate for it, signed by itself.
 *
 * The certificate has no end of its own (RFC 5280, section 4.1.2.5): what ends is the evidence and the
 * tokens that name it, and the process that holds the key.
 *
 * @param options.commonName - names nothing but the role.
 */
export function createTlsIdentity(options: {
  readonly commonName: string
  readonly at: UnixSeconds
  readonly random: Random
}): TlsIdentity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
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
    // An hour before, for peers whose clock is behind.
    sequence(timeOf(options.at - 3600), element(0x18, utf8Of('99991231235959Z'))),
    name,
    new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    element(
      0xa3,
      sequence(
        extension(oid.basicConstraints, true, sequence()),
        // digitalSignature
        extension(oid.keyUsage, true, element(0x03, Uint8Array.of(7, 0x80))),
        extension(oid.extendedKeyUsage, false, sequence(oid.serverAuth, oid.clientAuth)),
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
  return [0x82, length >> 8, length & 0xff]
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
  ecdsaWithSha256: Uint8Array.of(0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2),
} as const

function pemOf(der: Uint8Array): string {
  const lines = base64Of(der).replace(/(.{64})(?=.)/g, '$1\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}
