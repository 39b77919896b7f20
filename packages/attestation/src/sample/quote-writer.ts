/**
 * Quotes of the sample vendor's quoting enclave, byte for byte in the form of Intel's.
 *
 * @see Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4
 * @module
 */

import { concat, sha256, utf8Of } from '../bytes/index.ts'
import { intelQeVendorIdHex, sgxAttributeFlags } from '../evidence/index.ts'
import type { SampleKey } from './keys.ts'
import {
  knownHex,
  sampleCpuSvn,
  samplePceSvn,
  sampleQeIsvProdId,
  sampleQeIsvSvn,
  sampleQeMeasurements,
} from './platform.ts'

/** What the quoted enclave is. Byte strings are of the length that the report body has. */
export interface SampleEnclave {
  /** 32 bytes. */
  readonly mrEnclave: Uint8Array
  /** 32 bytes. */
  readonly mrSigner: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
  /** 64 bytes; absent: an enclave without KSS. */
  readonly configId?: Uint8Array
  readonly debug: boolean
  /** 64 bytes. */
  readonly reportData: Uint8Array
  /** 16 bytes: the security version of the processor; the sample platform's unless said. */
  readonly cpuSvn?: Uint8Array
}

export interface SampleQuoteSigner {
  /** Attestation key. */
  readonly attestation: SampleKey
  /** Provisioning certification key. */
  readonly pck: SampleKey
  /** PEM, leaf first. */
  readonly pckChain: string
}

/** What a test may want otherwise than the quoting enclave has it. */
export interface SampleQeOverrides {
  readonly isvSvn?: number
  readonly mrSigner?: Uint8Array
  readonly debug?: boolean
  /** 64 bytes. */
  readonly reportData?: Uint8Array
}

/** An SGX quote of version 3, certification data type 5. Throws when a byte string is of another length. */
export async function writeQuote(
  enclave: SampleEnclave,
  signer: SampleQuoteSigner,
  overrides: SampleQeOverrides = {},
): Promise<Uint8Array> {
  const kss = enclave.configId !== undefined
  const signedBytes = concat(
    header(),
    reportBody({
      ...enclave,
      configId: enclave.configId ?? new Uint8Array(64),
      flags:
        sgxAttributeFlags.init |
        sgxAttributeFlags.mode64 |
        (enclave.debug ? sgxAttributeFlags.debug : 0) |
        (kss ? sgxAttributeFlags.kss : 0),
    }),
  )
  const { attestation, pckChain } = signer
  const qe = await (Object.keys(overrides).length > 0
    ? certifyKey(signer, overrides)
    : certifiedKey(signer))
  const chain = utf8Of(pckChain)
  const signatureData = concat(
    await attestation.sign(signedBytes),
    attestation.coordinates,
    qe.report,
    qe.signature,
    u16(qeAuthData.length),
    qeAuthData,
    u16(5),
    u32(chain.length),
    chain,
  )
  return concat(signedBytes, u32(signatureData.length), signatureData)
}

interface CertifiedKey {
  /** The quoting enclave's report over its attestation key. */
  readonly report: Uint8Array
  /** By the PCK. */
  readonly signature: Uint8Array
}

/** An attestation key is certified once, and all quotes by it carry that. */
function certifiedKey(signer: SampleQuoteSigner): Promise<CertifiedKey> {
  const known = certifiedKeys.get(signer.attestation) ?? certifyKey(signer, {})
  certifiedKeys.set(signer.attestation, known)
  return known
}

const certifiedKeys = new WeakMap<SampleKey, Promise<CertifiedKey>>()

async function certifyKey(
  { attestation, pck }: SampleQuoteSigner,
  overrides: SampleQeOverrides,
): Promise<CertifiedKey> {
  const bound = await sha256(concat(attestation.coordinates, qeAuthData))
  const report = reportBody({
    ...(await sampleQeMeasurements()),
    isvProdId: sampleQeIsvProdId,
    isvSvn: sampleQeIsvSvn,
    configId: new Uint8Array(64),
    reportData: concat(bound, new Uint8Array(32)),
    ...overrides,
    // PROVISION_KEY, bit 4: a quoting enclave has access to it.
    flags:
      sgxAttributeFlags.init |
      sgxAttributeFlags.mode64 |
      0x10 |
      (overrides.debug === true ? sgxAttributeFlags.debug : 0),
  })
  return { report, signature: await pck.sign(report) }
}

/** 48 bytes. */
function header(): Uint8Array {
  return concat(
    u16(3),
    u16(2),
    u32(0),
    u16(sampleQeIsvSvn),
    u16(samplePceSvn),
    knownHex(intelQeVendorIdHex),
    new Uint8Array(20),
  )
}

interface ReportBodyFields {
  readonly mrEnclave: Uint8Array
  readonly mrSigner: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
  readonly configId: Uint8Array
  readonly reportData: Uint8Array
  readonly flags: number
  readonly cpuSvn?: Uint8Array | undefined
}

/** 384 bytes. */
function reportBody(fields: ReportBodyFields): Uint8Array {
  return concat(
    exactly(16, fields.cpuSvn ?? sampleCpuSvn),
    new Uint8Array(4 + 12 + 16),
    Uint8Array.of(fields.flags, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0),
    exactly(32, fields.mrEnclave),
    new Uint8Array(32),
    exactly(32, fields.mrSigner),
    new Uint8Array(32),
    exactly(64, fields.configId),
    u16(fields.isvProdId),
    u16(fields.isvSvn),
    new Uint8Array(2 + 42 + 16),
    exactly(64, fields.reportData),
  )
}

/** The 32 bytes that Intel's quoting enclave uses as well. */
const qeAuthData = Uint8Array.from({ length: 32 }, (_, index) => index)

function exactly(length: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== length) throw new Error(`sample: ${length} bytes expected`)
  return bytes
}

function u16(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
    throw new Error('sample: a number from 0 to 65535 expected')
  }
  return Uint8Array.of(value & 0xff, value >> 8)
}

function u32(value: number): Uint8Array {
  return concat(u16(value & 0xffff), u16(value >>> 16))
}
