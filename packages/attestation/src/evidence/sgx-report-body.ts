import type { Bytes, Cursor } from '../bytes/index.ts'

/** What the CPU says about one enclave. 384 bytes. */
export interface SgxReportBody {
  readonly cpuSvn: Bytes<16>
  readonly miscSelect: Bytes<4>
  /** Only meaningful with KSS. */
  readonly isvExtProdId: Bytes<16>
  /** Flags (8 bytes, little-endian), then XFRM (8 bytes). */
  readonly attributes: Bytes<16>
  readonly mrEnclave: Bytes<32>
  readonly mrSigner: Bytes<32>
  /** Only meaningful with KSS. */
  readonly configId: Bytes<64>
  readonly isvProdId: number
  readonly isvSvn: number
  /** Only meaningful with KSS. */
  readonly configSvn: number
  /** Only meaningful with KSS. */
  readonly isvFamilyId: Bytes<16>
  readonly reportData: Bytes<64>
  /** ATTRIBUTES.DEBUG: the enclave's memory can be read from outside. */
  readonly debug: boolean
  /** ATTRIBUTES.KSS: key separation and sharing, without which the configuration is not measured. */
  readonly kss: boolean
}

/** Length of {@link SgxReportBody}. */
export const sgxReportBodyBytes = 384 as const

/**
 * Reads 384 bytes.
 *
 * @see Intel SDM, volume 3D, table 37-4 (REPORTBODY)
 */
export function readSgxReportBody(cursor: Cursor): SgxReportBody {
  const cpuSvn = cursor.bytes(16)
  const miscSelect = cursor.bytes(4)
  cursor.reserved(12)
  const isvExtProdId = cursor.bytes(16)
  const attributes = cursor.bytes(16)
  const mrEnclave = cursor.bytes(32)
  cursor.reserved(32)
  const mrSigner = cursor.bytes(32)
  cursor.reserved(32)
  const configId = cursor.bytes(64)
  const isvProdId = cursor.u16()
  const isvSvn = cursor.u16()
  const configSvn = cursor.u16()
  cursor.reserved(42)
  const isvFamilyId = cursor.bytes(16)
  const reportData = cursor.bytes(64)
  const [flags = 0] = attributes
  return {
    cpuSvn,
    miscSelect,
    isvExtProdId,
    attributes,
    mrEnclave,
    mrSigner,
    configId,
    isvProdId,
    isvSvn,
    configSvn,
    isvFamilyId,
    reportData,
    debug: (flags & sgxAttributeFlags.debug) !== 0,
    kss: (flags & sgxAttributeFlags.kss) !== 0,
  }
}

/** Bits of the first byte of ATTRIBUTES (Intel SDM, volume 3D, table 35-3). */
export const sgxAttributeFlags: {
  readonly init: 0x01
  readonly debug: 0x02
  readonly mode64: 0x04
  readonly kss: 0x80
} = { init: 0x01, debug: 0x02, mode64: 0x04, kss: 0x80 }
