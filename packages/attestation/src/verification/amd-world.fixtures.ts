/**
 * A vendor of chips that do not exist, in AMD's forms, for tests.
 *
 * Its RSA keys have 2048 bits, where AMD's have 4096: making them takes long.
 *
 * @module
 */

import { bufferSourceOf, hexOf, sha256, type UnixSeconds, utf8Of } from '../bytes/index.ts'
import { derTag } from '../der/index.ts'
import { snpReportBytes } from '../evidence/index.ts'
import {
  bitString,
  boolean,
  element,
  explicit,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  unsignedInteger,
  utf8String,
} from '../sample/der-writer.ts'
import type { SnpVerificationInput } from './index.ts'

/** 2026-11-23T00:00:00Z */
export const instant: UnixSeconds = 1_795_392_000
const day = 86_400

export interface AmdKey {
  sign(message: Uint8Array): Promise<Uint8Array>
  /** DER. */
  readonly spki: Uint8Array
}

export interface AmdCertificateFields {
  readonly commonName: string
  readonly issuer: string
  readonly key: AmdKey
  readonly signer: AmdKey
  readonly serialNumber: number
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
  readonly isCa: boolean
  readonly pathLength: number | undefined
  /** First byte of the BIT STRING; `undefined`: no such extension, as in VCEKs. */
  readonly keyUsage: number | undefined
  /** By what follows 1.3.6.1.4.1.3704.1 in their names. */
  readonly amd: Readonly<Record<string, Uint8Array | undefined>>
}

export interface AmdCrlFields {
  readonly issuer: string
  readonly signer: AmdKey
  readonly thisUpdate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly revoked: readonly number[]
}

export type AmdLine = 'Milan' | 'Genoa' | 'Turin'
export type AmdCertificateName = 'vcek' | 'vlek' | 'ask' | 'asvk' | 'ark'

export interface AmdWorld {
  readonly keys: Readonly<Record<AmdCertificateName | 'stranger' | 'strangerEc', AmdKey>>
  /** Hex SHA-256 of the SPKI of `keys.ark`. */
  readonly rootSpkiSha256: string
  certificate(
    name: AmdCertificateName,
    changes?: Partial<AmdCertificateFields>,
  ): Promise<Uint8Array>
  crl(changes?: Partial<AmdCrlFields>): Promise<Uint8Array>
  /** A report with fields put over what it has; it is signed after that. */
  report(changes?: AmdReportChanges): Promise<Uint8Array>
  /** Everything that belongs together: report, three certificates, and a list that revokes nothing. */
  input(changes?: AmdInputChanges): Promise<SnpVerificationInput>
}

export interface AmdReportChanges {
  readonly version?: number
  readonly signer?: AmdKey
  readonly signingKey?: 'vcek' | 'vlek'
  /** Offset and bytes. */
  readonly fields?: readonly (readonly [offset: number, bytes: readonly number[]])[]
}

/** Instead of what belongs together. */
export interface AmdInputChanges {
  readonly kind?: 'vcek' | 'vlek'
  readonly report?: AmdReportChanges
  readonly leaf?: Partial<AmdCertificateFields>
  readonly intermediate?: Partial<AmdCertificateFields>
  readonly root?: Partial<AmdCertificateFields>
  readonly crl?: Partial<AmdCrlFields>
}

export const milanTcb = { bootloader: 4, tee: 1, snp: 24, microcode: 219 } as const
export const turinTcb = { fmc: 1, bootloader: 2, tee: 3, snp: 4, microcode: 81 } as const

/** Of the chip: 64 bytes, or 8 from Turin on. */
export const milanChip: Uint8Array = Uint8Array.from({ length: 64 }, (_, index) => 0xc0 ^ index)
export const turinChip: Uint8Array = milanChip.slice(0, 8)

const offsets = {
  currentTcb: 0x38,
  flags: 0x48,
  reportData: 0x50,
  measurement: 0x90,
  hostData: 0xc0,
  reportedTcb: 0x180,
  cpuid: 0x188,
  chipId: 0x1a0,
  committedTcb: 0x1e0,
  launchTcb: 0x1f0,
} as const

/** Family and model. */
const cpuids = { Milan: [0x19, 0x01], Genoa: [0x19, 0x11], Turin: [0x1a, 0x02] } as const

export async function amdWorld(line: AmdLine): Promise<AmdWorld> {
  const [vcek, vlek, strangerEc] = await Promise.all([p384Key(), p384Key(), p384Key()])
  const [ask, asvk, ark, stranger] = await Promise.all([rsaKey(), rsaKey(), rsaKey(), rsaKey()])
  const keys = { vcek, vlek, ask, asvk, ark, stranger, strangerEc }
  const names = { ark: `ARK-${line}`, ask: `SEV-${line}`, asvk: `SEV-VLEK-${line}` } as const

  const fieldsOf = (name: AmdCertificateName): AmdCertificateFields => {
    const common = { notBefore: instant - 400 * day, notAfter: instant + 3000 * day, amd: {} }
    const authority = { ...common, isCa: true, issuer: names.ark, signer: ark }
    switch (name) {
      case 'ark':
        return {
          ...authority,
          commonName: names.ark,
          key: ark,
          serialNumber: 0x1_0000,
          pathLength: undefined,
          keyUsage: 0x06,
        }
      case 'ask':
      case 'asvk':
        return {
          ...authority,
          commonName: names[name],
          key: keys[name],
          serialNumber: name === 'ask' ? 0x1_0001 : 0x1_0101,
          pathLength: 0,
          keyUsage: 0x04,
        }
      case 'vcek':
      case 'vlek': {
        const issuer = name === 'vcek' ? 'ask' : 'asvk'
        return {
          ...common,
          notAfter: instant + 200 * day,
          isCa: false,
          commonName: name === 'vcek' ? 'SEV-VCEK' : 'SEV-VLEK',
          issuer: names[issuer],
          key: keys[name],
          signer: keys[issuer],
          serialNumber: 0,
          pathLength: undefined,
          keyUsage: undefined,
          amd: amdExtensions(line, name),
        }
      }
    }
  }

  const certificate: AmdWorld['certificate'] = (name, changes = {}) =>
    writeCertificate({ ...fieldsOf(name), ...changes })

  const crl: AmdWorld['crl'] = (changes = {}) =>
    writeCrl({
      issuer: names.ark,
      signer: ark,
      thisUpdate: instant - day,
      nextUpdate: instant + 30 * day,
      revoked: [],
      ...changes,
    })

  const report: AmdWorld['report'] = async ({
    version = 3,
    signingKey = 'vcek',
    signer = keys[signingKey],
    fields = [],
  } = {}) => {
    const bytes = new Uint8Array(snpReportBytes)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, version, true)
    view.setBigUint64(0x08, 0x3_0000n, true)
    view.setUint32(0x34, 1, true)
    view.setUint32(offsets.flags, signingKey === 'vlek' ? 0b100 : 0, true)
    bytes.fill(0x33, offsets.reportData, offsets.reportData + 64)
    bytes.fill(0x44, offsets.measurement, offsets.measurement + 48)
    bytes.fill(0x55, offsets.hostData, offsets.hostData + 32)
    for (const name of ['currentTcb', 'reportedTcb', 'committedTcb', 'launchTcb'] as const) {
      bytes.set(tcbBytes(line), offsets[name])
    }
    if (version >= 3) bytes.set(cpuids[line], offsets.cpuid)
    // The owner of a machine that signs with a VLEK masks the chip.
    if (signingKey === 'vcek') bytes.set(line === 'Turin' ? turinChip : milanChip, offsets.chipId)
    for (const [offset, field] of fields) bytes.set(field, offset)
    const signature = await signer.sign(bytes.subarray(0, 0x2a0))
    bytes.set(signature.slice(0, 48).reverse(), 0x2a0)
    bytes.set(signature.slice(48).reverse(), 0x2e8)
    return bytes
  }

  const rootSpkiSha256 = hexOf(await sha256(ark.spki))
  return {
    keys,
    rootSpkiSha256,
    certificate,
    crl,
    report,
    input: async (changes = {}) => {
      const kind = changes.kind ?? 'vcek'
      return {
        report: await report({ signingKey: kind, ...changes.report }),
        certificates: await Promise.all([
          certificate(kind, changes.leaf),
          certificate(kind === 'vcek' ? 'ask' : 'asvk', changes.intermediate),
          certificate('ark', changes.root),
        ]),
        crls: [await crl(changes.crl)],
        revocation: 'required',
        roots: [rootSpkiSha256],
        at: instant,
      }
    },
  }
}

/** As a leaf of the line has them. */
export function amdExtensions(
  line: AmdLine,
  kind: 'vcek' | 'vlek',
): Readonly<Record<string, Uint8Array | undefined>> {
  const turin = line === 'Turin'
  const tcb = turin ? turinTcb : milanTcb
  return {
    '1': unsignedInteger(turin ? 1 : 0),
    '2': ia5String(line === 'Milan' && kind === 'vcek' ? 'Milan-B0' : line),
    '3.1': unsignedInteger(tcb.bootloader),
    '3.2': unsignedInteger(tcb.tee),
    '3.3': unsignedInteger(tcb.snp),
    '3.8': unsignedInteger(tcb.microcode),
    '3.9': turin ? unsignedInteger(turinTcb.fmc) : undefined,
    ...(kind === 'vcek'
      ? { '4': turin ? turinChip : milanChip }
      : { '5': ia5String('CN=provider.example') }),
  }
}

export function ia5String(text: string): Uint8Array {
  return element(derTag.ia5String, utf8Of(text))
}

/** TCB_VERSION, as the line has it. */
function tcbBytes(line: AmdLine): Uint8Array {
  const { bootloader, tee, snp, microcode } = milanTcb
  return line === 'Turin'
    ? Uint8Array.of(...Object.values(turinTcb).slice(0, 4), 0, 0, 0, turinTcb.microcode)
    : Uint8Array.of(bootloader, tee, 0, 0, 0, 0, snp, microcode)
}

async function p384Key(): Promise<AmdKey> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' } as const
  return keyOf(algorithm, await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']))
}

async function rsaKey(): Promise<AmdKey> {
  const algorithm = {
    name: 'RSA-PSS',
    hash: 'SHA-384',
    saltLength: 48,
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1),
  } as const
  return keyOf(algorithm, await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']))
}

async function keyOf(
  algorithm: EcdsaParams | (RsaPssParams & { readonly hash: string }),
  { privateKey, publicKey }: CryptoKeyPair,
): Promise<AmdKey> {
  return {
    sign: async (message) =>
      new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, bufferSourceOf(message))),
    spki: new Uint8Array(await crypto.subtle.exportKey('spki', publicKey)),
  }
}

async function writeCertificate(fields: AmdCertificateFields): Promise<Uint8Array> {
  const { isCa, pathLength, keyUsage } = fields
  const constraints = sequence(
    ...(isCa ? [boolean(true)] : []),
    ...(pathLength === undefined ? [] : [unsignedInteger(pathLength)]),
  )
  const extensions = [
    ...(keyUsage === undefined
      ? []
      : [extension('2.5.29.15', true, bitString(Uint8Array.of(keyUsage), keyUsage & 1 ? 0 : 1))]),
    ...(isCa ? [extension('2.5.29.19', true, constraints)] : []),
    ...Object.entries(fields.amd).flatMap(([name, value]) =>
      value === undefined ? [] : [extension(`1.3.6.1.4.1.3704.1.${name}`, false, value)],
    ),
  ]
  const tbs = sequence(
    explicit(0, unsignedInteger(2)),
    unsignedInteger(fields.serialNumber),
    rsaPssWithSha384,
    nameOf(fields.issuer),
    sequence(time(fields.notBefore), time(fields.notAfter)),
    nameOf(fields.commonName),
    fields.key.spki,
    explicit(3, sequence(...extensions)),
  )
  return signed(tbs, fields.signer)
}

async function writeCrl(fields: AmdCrlFields): Promise<Uint8Array> {
  const entries = fields.revoked.map((serialNumber) =>
    sequence(unsignedInteger(serialNumber), time(fields.thisUpdate)),
  )
  const tbs = sequence(
    unsignedInteger(1),
    rsaPssWithSha384,
    nameOf(fields.issuer),
    time(fields.thisUpdate),
    time(fields.nextUpdate),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    explicit(0, sequence(extension('2.5.29.20', false, unsignedInteger(1)))),
  )
  return signed(tbs, fields.signer)
}

async function signed(tbs: Uint8Array, signer: AmdKey): Promise<Uint8Array> {
  return sequence(tbs, rsaPssWithSha384, bitString(await signer.sign(tbs)))
}

const sha384 = sequence(objectIdentifier('2.16.840.1.101.3.4.2.2'), element(0x05, new Uint8Array()))

/** RFC 4055, section 3.1: SHA-384, MGF1 with it, a salt of 48 bytes. */
const rsaPssWithSha384 = sequence(
  objectIdentifier('1.2.840.113549.1.1.10'),
  sequence(
    explicit(0, sha384),
    explicit(1, sequence(objectIdentifier('1.2.840.113549.1.1.8'), sha384)),
    explicit(2, unsignedInteger(48)),
  ),
)

function nameOf(commonName: string): Uint8Array {
  const attribute = (oid: string, text: string): Uint8Array =>
    set(sequence(objectIdentifier(oid), utf8String(text)))
  return sequence(attribute('2.5.4.10', 'Sealward Sample'), attribute('2.5.4.3', commonName))
}

function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value))
}
