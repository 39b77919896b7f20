/**
 * The certificate that a signing key is published with: by the key, for itself.
 *
 * Azure's clients read keys from `x5c` only. That a key is trusted is said by whoever pins it; in a TEE,
 * by the evidence inside.
 *
 * @see docs/spec/attestation-service.md
 * @module
 */

import 'reflect-metadata'
import { type KeyObject, webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  cryptoProvider,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { concat, sha256, type UnixSeconds, utf8Of } from '@sealward/attestation/bytes'
import { raTlsOids } from '@sealward/attestation/evidence'
import type { Random } from '@sealward/enclave/server'
import type { SigningAlgorithm } from './signing-key.ts'

/** An SGX quote over 64 bytes of report data. */
export type EvidenceOf = (reportData: Uint8Array) => Promise<Uint8Array>

/** @returns DER. */
export async function certify(options: {
  readonly algorithm: SigningAlgorithm
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly issuer: string
  readonly at: UnixSeconds
  readonly random: Random
  readonly evidenceOf?: EvidenceOf | undefined
}): Promise<Uint8Array> {
  cryptoProvider.set(webcrypto as Crypto)
  const { privateKey, publicKey, at, evidenceOf } = options
  const algorithm = webAlgorithms[options.algorithm]
  const serial = options.random.bytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: Buffer.from(serial).toString('hex'),
    name: [{ CN: [options.issuer] }],
    notBefore: new Date((at - 3600) * 1000),
    notAfter: new Date((at + lifetimeSeconds) * 1000),
    signingAlgorithm: algorithm,
    keys: {
      privateKey: privateKey.toCryptoKey(algorithm, false, ['sign']) as CryptoKey,
      publicKey: publicKey.toCryptoKey(algorithm, true, ['verify']) as CryptoKey,
    },
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...(evidenceOf === undefined ? [] : [await evidenceExtension(publicKey, evidenceOf)]),
    ],
  })
  return new Uint8Array(certificate.rawData)
}

const webAlgorithms = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
} as const

/** Ten years: longer than any key signs. */
const lifetimeSeconds = 10 * 365 * 24 * 3600

/** As Azure's service does: an Open Enclave report whose report data is of the key as PEM, its NUL included. */
async function evidenceExtension(publicKey: KeyObject, evidenceOf: EvidenceOf): Promise<Extension> {
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const quote = await evidenceOf(concat(await sha256(utf8Of(`${pem}\0`)), new Uint8Array(32)))
  const header = Buffer.alloc(16)
  header.writeUInt32LE(1, 0)
  header.writeUInt32LE(2, 4)
  header.writeBigUInt64LE(BigInt(quote.length), 8)
  return new Extension(raTlsOids.azureAttestation, false, Buffer.concat([header, quote]))
}
