/**
 * The TDX module under a trust domain: whose it is, how old, and whether launching the domain anew would help.
 *
 * @see Intel TDX DCAP Quoting Library API; Intel SGX and TDX PCS API, version 4, "TcbInfo" of TDX
 * @module
 */

import { equalBytes } from '../bytes/index.ts'
import type {
  IsvSvnLevel,
  TcbInfo,
  TcbStatus,
  TdxModule,
  TdxModuleIdentity,
} from '../endorsements/index.ts'
import type { TdReport } from '../evidence/index.ts'
import { refused } from './refusal.ts'
import { isvSvnLevelOf } from './tcb.ts'

/**
 * The module is Intel's: its signer and attributes are those of its generation. Modules of version 0 are described by
 * `tdxModule`, later ones by an identity of their own.
 *
 * @returns the identity; `undefined` for version 0, which the platform's levels judge.
 *
 * Refuses with `tdx-module-mismatch`.
 */
export function identifyTdxModule(
  report: TdReport,
  tcbInfo: TcbInfo,
): TdxModuleIdentity | undefined {
  const [, version = 0] = report.teeTcbSvn
  const identity = version === 0 ? undefined : identityOf(version, tcbInfo)
  refuseOtherModule(report, identity ?? tcbInfo.tdxModule)
  return identity
}

/** The level that the module has reached, or `tcb-level-not-found`. */
export function tdxModuleLevelOf(
  { teeTcbSvn: [isvSvn = 0] }: TdReport,
  identity: TdxModuleIdentity,
): IsvSvnLevel {
  return (
    isvSvnLevelOf(isvSvn, identity) ??
    refused('tcb-level-not-found', 'tcb_info.tdxModuleIdentities', 'the module meets no level')
  )
}

function identityOf(version: number, { tdxModuleIdentities }: TcbInfo): TdxModuleIdentity {
  const id = `TDX_${version.toString(16).padStart(2, '0').toUpperCase()}`
  return (
    tdxModuleIdentities.find((identity) => identity.id === id) ??
    refused('tdx-module-mismatch', 'tcb_info.tdxModuleIdentities', `no ${id} among them`)
  )
}

function refuseOtherModule(report: TdReport, module: TdxModule | undefined): void {
  if (module === undefined || !equalBytes(report.mrSignerSeam, module.mrSigner)) {
    refused('tdx-module-mismatch', 'tdReport.mrSignerSeam', 'a module of another signer')
  }
  // Intel's library asks for zeros as well: no attribute of a module is defined.
  const isKnown = report.seamAttributes.every(
    (byte, index) => byte === 0 && byte === module?.attributes[index],
  )
  if (!isKnown) {
    refused('tdx-module-mismatch', 'tdReport.seamAttributes', 'a module with other attributes')
  }
}

/** What is known of the statuses before a relaunch is thought of. */
export interface RelaunchInput {
  /** Of the platform without its TDX components. */
  readonly sgxStatus: TcbStatus
  /** Of the platform with them, merged with the module's. */
  readonly tdxStatus: TcbStatus
  readonly moduleStatus: TcbStatus | undefined
  readonly qeStatus: TcbStatus
}

/**
 * A domain that was launched under an outdated module, on a platform whose module has been updated since, is as good as
 * new once it is launched again.
 *
 * @returns the status, changed to `TDRelaunchAdvised…` where that is so.
 */
export function withRelaunch(
  { tdx15 }: TdReport,
  tcbInfo: TcbInfo,
  { sgxStatus, tdxStatus, moduleStatus, qeStatus }: RelaunchInput,
): TcbStatus {
  if (
    tdx15 === undefined ||
    !isCurrent(sgxStatus) ||
    isOutdated(qeStatus) ||
    !isOutdated(tdxStatus) ||
    moduleStatus !== 'OutOfDate'
  ) {
    return tdxStatus
  }
  const [newest] = tcbInfo.tcbLevels
  const [isvSvn = 0, version = 0, component = 0] = tdx15.teeTcbSvn2
  const isvSvnNewest =
    version === 0
      ? newest?.tdxComponentSvns?.[0]
      : identityOf(version, tcbInfo).tcbLevels[0]?.isvSvn
  const componentNewest = newest?.tdxComponentSvns?.[2]
  if (
    isvSvnNewest === undefined ||
    componentNewest === undefined ||
    isvSvn < isvSvnNewest ||
    component < componentNewest
  ) {
    return tdxStatus
  }
  return needsConfiguration(sgxStatus) || needsConfiguration(tdxStatus)
    ? 'TDRelaunchAdvisedConfigurationNeeded'
    : 'TDRelaunchAdvised'
}

function isCurrent(status: TcbStatus): boolean {
  return !isOutdated(status)
}

function isOutdated(status: TcbStatus): boolean {
  return status === 'OutOfDate' || status === 'OutOfDateConfigurationNeeded' || status === 'Revoked'
}

function needsConfiguration(status: TcbStatus): boolean {
  return (
    status === 'ConfigurationNeeded' ||
    status === 'OutOfDateConfigurationNeeded' ||
    status === 'ConfigurationAndSWHardeningNeeded'
  )
}
