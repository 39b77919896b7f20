/**
 * Which TCB level a platform has reached, and what that means together with its quoting enclave's and TDX module's.
 *
 * @see Intel SGX and TDX PCS API, version 4, "TcbInfo" and "EnclaveIdentity": the algorithms at their ends
 * @module
 */

import type { IsvSvnLevel, TcbInfo, TcbLevel, TcbStatus } from '../endorsements/index.ts'
import type { SgxExtension } from '../x509/index.ts'

/** What of a platform is compared with a level. */
export type PlatformSvns = Pick<SgxExtension, 'componentSvns' | 'pceSvn'>

/** The first level of which the platform has every component's SVN, and the PCE's, or a higher one. */
export function tcbLevelOf(platform: PlatformSvns, { tcbLevels }: TcbInfo): TcbLevel | undefined {
  return tcbLevels.find((level) => hasReached(platform, level))
}

/** The first level that the platform has reached, and the TDX components of `teeTcbSvn` as well. */
export function tdxTcbLevelOf(
  platform: PlatformSvns,
  teeTcbSvn: Uint8Array,
  { tcbLevels }: TcbInfo,
): TcbLevel | undefined {
  // With a module version, the first two numbers are the module's own, and its identity judges them.
  const first = teeTcbSvn[1] === 0 ? 0 : 2
  return tcbLevels.find(
    (level) =>
      hasReached(platform, level) &&
      level.tdxComponentSvns?.every(
        (svn, index) => index < first || (teeTcbSvn[index] ?? -1) >= svn,
      ) === true,
  )
}

function hasReached(platform: PlatformSvns, { componentSvns, pceSvn }: TcbLevel): boolean {
  return (
    platform.pceSvn >= pceSvn &&
    componentSvns.every((svn, index) => (platform.componentSvns[index] ?? -1) >= svn)
  )
}

/** The first level whose SVN the enclave or module has, or a higher one. */
export function isvSvnLevelOf(
  isvSvn: number,
  { tcbLevels }: { readonly tcbLevels: readonly IsvSvnLevel[] },
): IsvSvnLevel | undefined {
  return tcbLevels.find((level) => isvSvn >= level.isvSvn)
}

/**
 * A platform's status, worsened by that of its quoting enclave or TDX module.
 *
 * The rule is that of Intel's quote verification library: what is outdated makes the whole outdated, what is revoked
 * makes it revoked, and a need for configuration is not forgotten.
 */
export function mergedTcbStatus(platform: TcbStatus, part: TcbStatus): TcbStatus {
  switch (part) {
    case 'Revoked':
      return 'Revoked'
    case 'OutOfDate':
    case 'OutOfDateConfigurationNeeded':
      return outdated[platform]
    default:
      return platform
  }
}

/** What Intel's library leaves as it is, when the quoting enclave is outdated, are statuses that say so already. */
const outdated: Readonly<Record<TcbStatus, TcbStatus>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
  OutOfDate: 'OutOfDate',
  OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  Revoked: 'Revoked',
  TDRelaunchAdvised: 'OutOfDate',
  TDRelaunchAdvisedConfigurationNeeded: 'OutOfDateConfigurationNeeded',
}
