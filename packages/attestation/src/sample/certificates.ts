/**
 * Certificates and revocation lists in the form of Intel's.
 *
 * @see Intel SGX PCK Certificate and Certificate Revocation List Profile Specification
 * @module
 */

import { type Bytes, concat, sha256, type UnixSeconds, utf8Of } from '../bytes/index.ts'
import { derTag } from '../der/index.ts'
import { sgxExtensionOid } from '../x509/index.ts'
import {
  bitString,
  boolean,
  ecdsaSignature,
  element,
  explicit,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  unsignedInteger,
  utf8String,
} from './der-writer.ts'
import type { SampleKey } from './keys.ts'
import {
  knownHex,
  sampleComponentSvns,
  sampleCpuSvn,
  sampleFmspc,
  samplePceId,
  samplePceSvn,
} from './platform.ts'

/** Who signs, and what for. */
export interface SampleIssuer {
  readonly commonName: string
  readonly key: SampleKey
}

export interface SampleCertificateFields {
  readonly commonName: string
  readonly publicKey: SampleKey
  readonly issuer: SampleIssuer
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
  /** Of an authority: how many authorities may be below it. */
  readonly pathLength?: number
  /** Value of Intel's extension. */
  readonly sgx?: Uint8Array
}

/** DER of a certificate. Its serial number follows from its key, so that nothing has to be drawn. */
export async function writeCertificate(fields: SampleCertificateFields): Promise<Uint8Array> {
  const { pathLength, sgx } = fields
  const isCa = pathLength !== undefined
  const extensions = [
    extension('2.5.29.35', false, await authorityKeyIdentifier(fields.issuer.key)),
    extension('2.5.29.14', false, octetString(await keyIdentifier(fields.publicKey))),
    extension('2.5.29.15', true, isCa ? caKeyUsage : leafKeyUsage),
    extension(
      '2.5.29.19',
      true,
      isCa ? sequence(boolean(true), unsignedInteger(pathLength)) : sequence(),
    ),
    ...(sgx === undefined ? [] : [extension(sgxExtensionOid, false, sgx)]),
  ]
  const tbs = sequence(
    explicit(0, unsignedInteger(2)),
    unsignedInteger(await serialNumberOf(fields.publicKey)),
    ecdsaWithSha256,
    nameOf(fields.issuer.commonName),
    sequence(time(fields.notBefore), time(fields.notAfter)),
    nameOf(fields.commonName),
    fields.publicKey.spki,
    explicit(3, sequence(...extensions)),
  )
  return signed(tbs, fields.issuer.key)
}

export interface SampleCrlFields {
  readonly issuer: SampleIssuer
  readonly thisUpdate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  /** Keys whose certificates are revoked. */
  readonly revoked: readonly SampleKey[]
}

/** DER of a revocation list. */
export async function writeCrl(fields: SampleCrlFields): Promise<Uint8Array> {
  const keyCompromise = extension('2.5.29.21', false, unsignedInteger(1, derTag.enumerated))
  const entries = await Promise.all(
    fields.revoked.map(async (key) =>
      sequence(
        unsignedInteger(await serialNumberOf(key)),
        time(fields.thisUpdate),
        sequence(keyCompromise),
      ),
    ),
  )
  const extensions = [
    extension('2.5.29.20', false, unsignedInteger(1)),
    extension('2.5.29.35', false, await authorityKeyIdentifier(fields.issuer.key)),
  ]
  const tbs = sequence(
    unsignedInteger(1),
    ecdsaWithSha256,
    nameOf(fields.issuer.commonName),
    time(fields.thisUpdate),
    time(fields.nextUpdate),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    explicit(0, sequence(...extensions)),
  )
  return signed(tbs, fields.issuer.key)
}

/** Value of Intel's extension, for the sample platform. */
export async function writeSgxExtension(pck: SampleKey): Promise<Uint8Array> {
  const digest = await sha256(concat(utf8Of('Sealward Sample Platform'), pck.spki))
  const entry = (path: string, value: Uint8Array): Uint8Array =>
    sequence(objectIdentifier(`${sgxExtensionOid}.${path}`), value)
  return sequence(
    entry('1', octetString(digest.subarray(0, 16))),
    entry(
      '2',
      sequence(
        ...sampleComponentSvns.map((svn, index) => entry(`2.${index + 1}`, unsignedInteger(svn))),
        entry('2.17', unsignedInteger(samplePceSvn)),
        entry('2.18', octetString(sampleCpuSvn)),
      ),
    ),
    entry('3', octetString(knownHex(samplePceId))),
    entry('4', octetString(knownHex(sampleFmspc))),
    entry('5', unsignedInteger(1, derTag.enumerated)),
    entry('6', octetString(digest.subarray(16, 32))),
    entry(
      '7',
      sequence(
        entry('7.1', boolean(false)),
        entry('7.2', boolean(false)),
        entry('7.3', boolean(false)),
      ),
    ),
  )
}

async function signed(tbs: Uint8Array, key: SampleKey): Promise<Uint8Array> {
  return sequence(tbs, ecdsaWithSha256, bitString(ecdsaSignature(await key.sign(tbs))))
}

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))

/** keyCertSign and cRLSign. */
const caKeyUsage = bitString(Uint8Array.of(0x06), 1)

/** digitalSignature and nonRepudiation. */
const leafKeyUsage = bitString(Uint8Array.of(0xc0), 6)

function nameOf(commonName: string): Uint8Array {
  const attribute = (oid: string, text: string): Uint8Array =>
    set(sequence(objectIdentifier(oid), utf8String(text)))
  return sequence(attribute('2.5.4.3', commonName), attribute('2.5.4.10', 'Sealward Sample'))
}

function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value))
}

async function authorityKeyIdentifier(issuer: SampleKey): Promise<Uint8Array> {
  return sequence(element(0x80, await keyIdentifier(issuer)))
}

async function keyIdentifier({ coordinates }: SampleKey): Promise<Uint8Array> {
  return (await sha256(coordinates)).subarray(0, 20)
}

/** 16 bytes, the first of them neither zero nor negative. */
async function serialNumberOf({ spki }: SampleKey): Promise<Bytes<16>> {
  const serialNumber = (await sha256(spki)).slice(0, 16)
  serialNumber[0] = 0x40 | ((serialNumber[0] ?? 0) & 0x3f)
  return serialNumber as Bytes<16>
}
