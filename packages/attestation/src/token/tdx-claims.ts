import type { TdxEvidence, Verified } from '../verification/index.ts'
import { claimNames, tdxClaimNames as names, tdxProfile } from './names.ts'

/**
 * The claims about a trust domain.
 *
 * @see Azure Attestation, "EAT profile for Intel Trust Domain Extensions"
 * @see Intel TDX DCAP Quoting Library API, A.3.4 (TD attributes)
 */
export function tdxClaimsOf(evidence: Verified<TdxEvidence>): Readonly<Record<string, unknown>> {
  const { teeTcbSvn, tdAttributes } = evidence.quote.tdReport
  const attribute = (bit: number): boolean =>
    (((tdAttributes[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1
  const [rtmr0, rtmr1, rtmr2, rtmr3] = evidence.rtmr
  const [svn = 0, moduleVersion = 0] = teeTcbSvn
  return {
    [claimNames.attestationType]: 'tdxvm',
    [names.profile]: tdxProfile,
    [names.debugStatus]: evidence.debug ? 'enabled' : 'disabled',
    [names.intendedUse]: 'generic',
    [names.attesterTcbStatus]: evidence.tcbStatus,
    [names.mrConfigId]: evidence.mrConfigId,
    [names.mrOwner]: evidence.mrOwner,
    [names.mrOwnerConfig]: evidence.mrOwnerConfig,
    [names.mrSeam]: evidence.mrSeam,
    [names.mrSignerSeam]: evidence.mrSignerSeam,
    [names.mrTd]: evidence.mrTd,
    [names.reportData]: evidence.reportData,
    [names.rtmr0]: rtmr0,
    [names.rtmr1]: rtmr1,
    [names.rtmr2]: rtmr2,
    [names.rtmr3]: rtmr3,
    [names.seamAttributes]: evidence.seamAttributes,
    // SEAM_SIGSTRUCT.SEAMSVN: 16 bits, the module's major version in the upper half.
    [names.seamSvn]: svn + 256 * moduleVersion,
    [names.tdAttributes]: evidence.tdAttributes,
    [names.debug]: evidence.debug,
    [names.keyLocker]: attribute(31),
    [names.perfmon]: attribute(63),
    [names.protectionKeys]: attribute(30),
    [names.septVeDisable]: attribute(28),
    [names.teeTcbSvn]: evidence.teeTcbSvn,
    [names.xfam]: evidence.xfam,
    [claimNames.tcbStatus]: evidence.tcbStatus,
    [claimNames.advisoryIds]: evidence.advisoryIds,
  }
}
