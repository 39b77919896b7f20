import type { EvidenceVerdict } from './verify.ts'

/** What somebody who reads a verdict can do about it, each a sentence; none where nothing has to be done. */
export function nextStepsOf({
  kind,
  verdict,
  problems,
  tcbStatus,
  claims,
}: EvidenceVerdict): readonly string[] {
  const steps = problems.map(({ code }) =>
    code === 'missing-endorsements'
      ? missing[kind ?? 'sgx']
      : (byCode.get(code) ?? otherwise(code)),
  )
  const warnings =
    verdict === 'warning'
      ? [
          byStatus.get(tcbStatus ?? ''),
          claims['revocation'] === 'unchecked' ? byCode.get('wrong-revocation') : undefined,
        ]
      : []
  return [...new Set([...steps, ...warnings])].filter((step) => step !== undefined)
}

const fetchThem = 'sealward endorsements bundle FILE --out endorsements.json'

const missing = {
  sgx: `fetch endorsements (${fetchThem}) and give them with --endorsements.`,
  tdx: `fetch endorsements (${fetchThem}) and give them with --endorsements.`,
  snp: `fetch the chip's certificate and its issuers (${fetchThem}) and give them with --endorsements.`,
} as const

const anew = `fetch newer endorsements (${fetchThem}), or verify it at its own time with --at.`
const clock = 'look at the clock of this machine, or at --at: something is not valid yet.'
const others = `fetch the endorsements of this very platform (${fetchThem}).`
const refuse = 'do not use it; ask for new evidence.'

const byCode: ReadonlyMap<string, string> = new Map([
  ['certificate-expired', anew],
  ['crl-expired', anew],
  ['tcb-info-expired', anew],
  ['qe-identity-expired', anew],
  ['certificate-not-yet-valid', clock],
  ['crl-not-yet-valid', clock],
  ['tcb-info-not-yet-valid', clock],
  ['qe-identity-not-yet-valid', clock],
  ['root-not-trusted', 'a simulated or test platform has a root of its own, which --root names.'],
  ['fmspc-mismatch', others],
  ['pceid-mismatch', others],
  ['tee-mismatch', others],
  ['chip-id-mismatch', others],
  ['tcb-mismatch', others],
  ['signing-key-mismatch', others],
  ['product-mismatch', others],
  ['endorsements-malformed', 'the endorsements are broken: fetch them again.'],
  [
    'tcb-revoked',
    'the operator has to update the platform: firmware, microcode, platform software.',
  ],
  [
    'tcb-level-not-found',
    'the operator has to update the platform: it is older than all that Intel lists.',
  ],
  [
    'runtime-data-binding',
    'give the exact bytes that were hashed, line ends included; see --runtime-data-digest, too.',
  ],
  ['debug', 'build and run it without debugging.'],
  [
    'advisory-not-tolerated',
    'the operator has to update the platform; or the policy tolerates it, with a reason and an end.',
  ],
  ['wrong-revocation', 'give the revocation list of the product line, too, with --endorsements.'],
])

const byStatus: ReadonlyMap<string, string> = new Map([
  ['OutOfDate', 'the operator has to update the platform: firmware, microcode, platform software.'],
  [
    'OutOfDateConfigurationNeeded',
    'the operator has to update the platform, and to configure its firmware anew.',
  ],
  ['ConfigurationNeeded', 'the operator has to configure the firmware as the advisories say.'],
  [
    'SWHardeningNeeded',
    'ask whoever built the workload whether it is hardened against these advisories.',
  ],
  [
    'ConfigurationAndSWHardeningNeeded',
    'ask the operator for the firmware’s configuration, and who built the workload for its hardening.',
  ],
  ['TDRelaunchAdvised', 'start the trust domain again: its platform was updated since.'],
  [
    'TDRelaunchAdvisedConfigurationNeeded',
    'start the trust domain again, after its firmware was configured anew.',
  ],
])

/** Differences from a policy, and all that is forged or broken. */
function otherwise(code: string): string {
  return code.startsWith('wrong-')
    ? 'compare it with --policy: either it is not what it should be, or the policy is of another one.'
    : refuse
}
