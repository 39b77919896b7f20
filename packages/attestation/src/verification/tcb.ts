/**
 * Which TCB level a platform has reached, and what that means together with its quoting enclave's.
 *
 * @see Intel SGX PCS API, version 4, "TcbInfo" and "EnclaveIdentity": the algorithms at their ends
 * @module
 */

import type { QeIdentity, QeTcbLevel, TcbInfo, TcbLevel, TcbStatus } from '../endorsements/index.ts'
import type { SgxExtension } from '../x509/index.ts'

/** The first level of which the platform has every component's SVN, and the PCE's, or a higher one. */
export function tcbLevelOf(
  platform: Pick<SgxExtension, 'componentSvns' | 'pceSvn'>,
  { tcbLevels }: TcbInfo,
): TcbLevel | undefined {
  return tcbLevels.find(
    ({ componentSvns, pceSvn }) =>
      platform.pceSvn >= pceSvn &&
      componentSvns.every((svn, index) => (platform.componentSvns[index] ?? -1) >= svn),
  )
}

/** The first level whose SVN the quoting enclave has, or a higher one. */
export function qeTcbLevelOf(isvSvn: number, { tcbLevels }: QeIdentity): QeTcbLevel | undefined {
  return tcbLevels.find((level) => isvSvn >= level.isvSvn)
}

/**
 * The platform's status, worsened by the quoting enclave's.
 *
 * The rule is that of Intel's quote verification library: an outdated quoting enclave makes the whole outdated,
 * a revoked one makes it revoked, and a need for configuration is not forgotten.
 */
export function mergedTcbStatus(platform: TcbStatus, quotingEnclave: TcbStatus): TcbStatus {
  switch (quotingEnclave) {
    case 'Revoked':
      return 'Revoked'
    case 'OutOfDate':
    case 'OutOfDateConfigurationNeeded':
      return outdated[platform]
    default:
      return platform
  }
}

const outdated: Readonly<Record<TcbStatus, TcbStatus>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
  OutOfDate: 'OutOfDate',
  OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  Revoked: 'Revoked',
}
