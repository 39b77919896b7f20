/**
 * SEV-SNP attestation reports as the secure processor wrote them.
 *
 * @see AMD 56860, SEV Secure Nested Paging Firmware ABI Specification, ATTESTATION_REPORT
 * @module
 */

import {
  type Bytes,
  type Cursor,
  type ParseCode,
  type Problem,
  parsing,
  type Result,
} from '../bytes/index.ts'

/** Length of a report. */
export const snpReportBytes = 1184

/** A parsed report. Believed by nobody yet. */
export interface SnpReport {
  readonly version: 2 | 3 | 4 | 5
  readonly guestSvn: number
  readonly guestPolicy: bigint
  readonly familyId: Bytes<16>
  readonly imageId: Bytes<16>
  /** Privilege level of who asked for the report. */
  readonly vmpl: number
  readonly currentTcb: Bytes<8>
  readonly platformInfo: bigint
  /** AUTHOR_KEY_EN: {@link authorKeyDigest} says something. */
  readonly hasAuthorKey: boolean
  /** MASK_CHIP_KEY: the report is not signed, and the chip is not named. */
  readonly isChipKeyMasked: boolean
  readonly signingKey: SnpSigningKey
  readonly reportData: Bytes<64>
  /** Launch digest, SHA-384. */
  readonly measurement: Bytes<48>
  readonly hostData: Bytes<32>
  readonly idKeyDigest: Bytes<48>
  readonly authorKeyDigest: Bytes<48>
  readonly reportId: Bytes<32>
  readonly reportIdMa: Bytes<32>
  readonly reportedTcb: Bytes<8>
  /** From version 3 on. */
  readonly cpuid: SnpCpuid | undefined
  /** All zero where the owner of the machine masks it. */
  readonly chipId: Bytes<64>
  readonly committedTcb: Bytes<8>
  /** Of the firmware that runs, and of the oldest that may run again. */
  readonly currentVersion: SnpFirmwareVersion
  readonly committedVersion: SnpFirmwareVersion
  readonly launchTcb: Bytes<8>
  /** Mitigations at launch and now; from version 5 on. */
  readonly mitigations: { readonly launch: bigint; readonly current: bigint } | undefined
  /** What was signed. */
  readonly signedBytes: Bytes<672>
  /** `r ‖ s`, big-endian, of ECDSA with P-384. */
  readonly signature: Uint8Array
}

/** Which key signed: the chip's own (VCEK), the cloud provider's (VLEK), or none. */
export type SnpSigningKey = 'vcek' | 'vlek' | 'none'

/** Family and model as CPUID has them, extended parts added in; stepping. */
export interface SnpCpuid {
  readonly family: number
  readonly model: number
  readonly stepping: number
}

export interface SnpFirmwareVersion {
  readonly major: number
  readonly minor: number
  readonly build: number
}

/** Why a report was refused. */
export type SnpReportCode =
  | ParseCode
  | 'unsupported-signature-algorithm'
  | 'unsupported-signing-key'
  | 'signature-malformed'

/**
 * Parses a report of version 2 to 5.
 *
 * @param input - 1184 bytes, little-endian.
 * @returns the fields, or one of {@link SnpReportCode}.
 */
export function parseSnpReport(input: Uint8Array): Result<SnpReport, Problem<SnpReportCode>> {
  return parsing<SnpReport, SnpReportCode>(input, (cursor) => {
    const version = cursor.u32()
    if (version !== 2 && version !== 3 && version !== 4 && version !== 5) {
      return cursor.fail('unsupported-version', 'known: 2 to 5')
    }
    const guestSvn = cursor.u32()
    const guestPolicy = cursor.u64()
    const familyId = cursor.bytes(16)
    const imageId = cursor.bytes(16)
    const vmpl = cursor.u32()
    if (cursor.u32() !== 1) {
      cursor.fail('unsupported-signature-algorithm', 'known: 1, ECDSA with P-384 and SHA-384')
    }
    const currentTcb = cursor.bytes(8)
    const platformInfo = cursor.u64()
    const flags = readFlags(cursor)
    cursor.reserved(4)
    const reportData = cursor.bytes(64)
    const measurement = cursor.bytes(48)
    const hostData = cursor.bytes(32)
    const idKeyDigest = cursor.bytes(48)
    const authorKeyDigest = cursor.bytes(48)
    const reportId = cursor.bytes(32)
    const reportIdMa = cursor.bytes(32)
    const reportedTcb = cursor.bytes(8)
    const cpuid = version === 2 ? undefined : readCpuid(cursor)
    cursor.reserved(cpuid === undefined ? 24 : 21)
    const chipId = cursor.bytes(64)
    const committedTcb = cursor.bytes(8)
    const currentVersion = readFirmwareVersion(cursor)
    const committedVersion = readFirmwareVersion(cursor)
    const launchTcb = cursor.bytes(8)
    const mitigations = version === 5 ? { launch: cursor.u64(), current: cursor.u64() } : undefined
    cursor.reserved(signedBytesLength - cursor.offset())
    return {
      version,
      guestSvn,
      guestPolicy,
      familyId,
      imageId,
      vmpl,
      currentTcb,
      platformInfo,
      ...flags,
      reportData,
      measurement,
      hostData,
      idKeyDigest,
      authorKeyDigest,
      reportId,
      reportIdMa,
      reportedTcb,
      cpuid,
      chipId,
      committedTcb,
      currentVersion,
      committedVersion,
      launchTcb,
      mitigations,
      signedBytes: new Uint8Array(input.subarray(0, signedBytesLength)) as Bytes<672>,
      signature: readSignature(cursor),
    }
  })
}

/** SIGNATURE begins at 0x2a0. */
const signedBytesLength = 0x2a0

type ReportCursor = Cursor<SnpReportCode>

/** Bit 0 AUTHOR_KEY_EN, bit 1 MASK_CHIP_KEY, bits 2 to 4 SIGNING_KEY, the rest reserved. */
function readFlags(
  cursor: ReportCursor,
): Pick<SnpReport, 'hasAuthorKey' | 'isChipKeyMasked' | 'signingKey'> {
  const flags = cursor.u32()
  if (flags > 0x1f) cursor.fail('reserved-not-zero', 'reserved flags')
  const signingKey =
    signingKeys.get(flags >> 2) ??
    cursor.fail('unsupported-signing-key', 'known: 0 (VCEK), 1 (VLEK), 7 (none)')
  return { hasAuthorKey: (flags & 1) !== 0, isChipKeyMasked: (flags & 2) !== 0, signingKey }
}

const signingKeys: ReadonlyMap<number, SnpSigningKey> = new Map([
  [0, 'vcek'],
  [1, 'vlek'],
  [7, 'none'],
])

function readCpuid(cursor: ReportCursor): SnpCpuid {
  return { family: cursor.u8(), model: cursor.u8(), stepping: cursor.u8() }
}

function readFirmwareVersion(cursor: ReportCursor): SnpFirmwareVersion {
  const version = { build: cursor.u8(), minor: cursor.u8(), major: cursor.u8() }
  cursor.reserved(1)
  return version
}

/** R and S, 72 bytes each, little-endian, zero-extended; 368 bytes reserved. */
function readSignature(cursor: ReportCursor): Uint8Array {
  const signature = new Uint8Array(96)
  for (const start of [0, 48]) {
    const number = cursor.bytes(72)
    if (number.subarray(48).some((byte) => byte !== 0)) {
      cursor.fail('signature-malformed', 'a number that does not fit P-384')
    }
    signature.set(number.subarray(0, 48).reverse(), start)
  }
  cursor.reserved(368)
  return signature
}

/** What a guest policy allows. */
export interface SnpGuestPolicy {
  readonly abiMinor: number
  readonly abiMajor: number
  readonly smt: boolean
  readonly migrateMa: boolean
  readonly debug: boolean
  readonly singleSocket: boolean
  readonly cxl: boolean
  readonly memAes256Xts: boolean
  readonly raplDis: boolean
  readonly ciphertextHiding: boolean
  readonly pageSwapDisable: boolean
}

/** The bits of POLICY: AMD 56860, "Guest Policy". Bit 17, which must be one, is not among them. */
export function guestPolicyOf({ guestPolicy }: Pick<SnpReport, 'guestPolicy'>): SnpGuestPolicy {
  const bit = (number: number): boolean => ((guestPolicy >> BigInt(number)) & 1n) === 1n
  return {
    abiMinor: Number(guestPolicy & 0xffn),
    abiMajor: Number((guestPolicy >> 8n) & 0xffn),
    smt: bit(16),
    migrateMa: bit(18),
    debug: bit(19),
    singleSocket: bit(20),
    cxl: bit(21),
    memAes256Xts: bit(22),
    raplDis: bit(23),
    ciphertextHiding: bit(24),
    pageSwapDisable: bit(25),
  }
}
