import type { Bytes, Cursor } from '../bytes/index.ts'

/** What the TDX module says about one trust domain. 584 bytes, with TDX 1.5 648. */
export interface TdReport {
  readonly teeTcbSvn: Bytes<16>
  readonly mrSeam: Bytes<48>
  /** All zero: the module is Intel's own. */
  readonly mrSignerSeam: Bytes<48>
  readonly seamAttributes: Bytes<8>
  readonly tdAttributes: Bytes<8>
  readonly xfam: Bytes<8>
  readonly mrTd: Bytes<48>
  readonly mrConfigId: Bytes<48>
  readonly mrOwner: Bytes<48>
  readonly mrOwnerConfig: Bytes<48>
  /** RTMR0 to RTMR3. */
  readonly rtmr: readonly [Bytes<48>, Bytes<48>, Bytes<48>, Bytes<48>]
  readonly reportData: Bytes<64>
  /** Any of TDATTRIBUTES.TUD: the domain is under debug or profiled from outside, and not to be trusted. */
  readonly debug: boolean
  /** What only a report of TDX 1.5 says. */
  readonly tdx15: Tdx15Fields | undefined
}

export interface Tdx15Fields {
  /** TEE_TCB_SVN_2: of the module that runs now; {@link TdReport.teeTcbSvn} is of the one that launched the domain. */
  readonly teeTcbSvn2: Bytes<16>
  /** MRSERVICETD: digest of the service domains (migration) bound to it; zero: none. */
  readonly mrServiceTd: Bytes<48>
}

/** Lengths of {@link TdReport}. */
export const tdReportBytes: { readonly tdx10: 584; readonly tdx15: 648 } = {
  tdx10: 584,
  tdx15: 648,
}

/**
 * Reads a TD report of either length.
 *
 * @see Intel TDX DCAP Quoting Library API, appendix A.3.2 (version 4) and A.4.3 (version 5)
 */
export function readTdReport(cursor: Cursor, of: 'tdx10' | 'tdx15'): TdReport {
  const report = {
    teeTcbSvn: cursor.bytes(16),
    mrSeam: cursor.bytes(48),
    mrSignerSeam: cursor.bytes(48),
    seamAttributes: cursor.bytes(8),
    tdAttributes: cursor.bytes(8),
    xfam: cursor.bytes(8),
    mrTd: cursor.bytes(48),
    mrConfigId: cursor.bytes(48),
    mrOwner: cursor.bytes(48),
    mrOwnerConfig: cursor.bytes(48),
    rtmr: [cursor.bytes(48), cursor.bytes(48), cursor.bytes(48), cursor.bytes(48)],
    reportData: cursor.bytes(64),
  } as const
  return {
    ...report,
    debug: ((report.tdAttributes[0] ?? 0) & underDebugFlags) !== 0,
    tdx15:
      of === 'tdx15' ? { teeTcbSvn2: cursor.bytes(16), mrServiceTd: cursor.bytes(48) } : undefined,
  }
}

/**
 * TUD ("TD under debug"), bits 0 to 7 of TDATTRIBUTES: DEBUG is bit 0; later ones let the host profile the domain, and any
 * of them makes it untrusted.
 *
 * @see A.3.4; Intel TDX Module ABI Specification, ATTRIBUTES
 */
const underDebugFlags = 0xff
