/**
 * The claims that evidence is known to bring, and what their values are. For the linter only: evaluation knows no names.
 *
 * @see Azure Attestation, claim sets; docs/spec/tokens.md
 * @module
 */

export interface KnownClaim {
  /** `json`: text that holds JSON. */
  readonly kind: 'boolean' | 'integer' | 'text' | 'json'
  /** Digits of a hexadecimal value. */
  readonly hexDigits?: number
  /** Whether it says that the target can be debugged. */
  readonly debug?: true
  /** By which name it should be called. */
  readonly deprecatedFor?: string
  readonly tpm?: true
}

export function knownClaim(type: string): KnownClaim | undefined {
  return known.get(type)
}

const boolean: KnownClaim = { kind: 'boolean' }
const integer: KnownClaim = { kind: 'integer' }
const text: KnownClaim = { kind: 'text' }
const json: KnownClaim = { kind: 'json' }
const debug: KnownClaim = { kind: 'boolean', debug: true }
const hex = (hexDigits: number): KnownClaim => ({ kind: 'text', hexDigits })

function all(
  claim: KnownClaim,
  prefix: string,
  names: string,
): readonly (readonly [string, KnownClaim])[] {
  return names.split(' ').map((name) => [`${prefix}${name}`, claim] as const)
}

function tpm(claim: KnownClaim, names: string): readonly (readonly [string, KnownClaim])[] {
  return all({ ...claim, tpm: true }, '', names)
}

const current: ReadonlyMap<string, KnownClaim> = new Map([
  ...all(text, '', 'nonce x-ms-ver x-ms-attestation-type x-ms-compliance-status'),
  ...all(json, '', 'x-ms-runtime x-ms-inittime'),
  ...all(debug, 'x-ms-', 'sgx-is-debuggable sevsnpvm-is-debuggable'),
  ...all(hex(64), 'x-ms-sgx-', 'mrenclave mrsigner'),
  ...all(hex(128), 'x-ms-sgx-', 'report-data config-id'),
  ...all(hex(32), 'x-ms-sgx-', 'isv-extended-product-id isv-family-id'),
  ...all(integer, 'x-ms-sgx-', 'product-id svn config-svn'),
  ...all(text, 'x-ms-sgx-', 'ehd'),
  ...all(json, 'x-ms-sgx-', 'collateral'),
  ...all(hex(96), 'x-ms-sevsnpvm-', 'authorkeydigest idkeydigest launchmeasurement'),
  ...all(hex(128), 'x-ms-sevsnpvm-', 'reportdata'),
  ...all(hex(64), 'x-ms-sevsnpvm-', 'hostdata reportid'),
  ...all(hex(32), 'x-ms-sevsnpvm-', 'familyId imageId'),
  ...all(integer, 'x-ms-sevsnpvm-', 'bootloader-svn guestsvn microcode-svn snpfw-svn tee-svn vmpl'),
  ...all(boolean, 'x-ms-sevsnpvm-', 'migration-allowed smt-allowed'),
  ...all(debug, 'tdx_', 'td_attributes_debug'),
  ...all(boolean, 'tdx_td_attributes_', 'key_locker perfmon protection_keys septve_disable'),
  ...all(
    hex(96),
    'tdx_',
    'mrtd mrseam mrsignerseam mrconfigid mrowner mrownerconfig rtmr0 rtmr1 rtmr2 rtmr3',
  ),
  ...all(hex(128), 'tdx_', 'report_data'),
  ...all(hex(32), 'tdx_', 'tee_tcb_svn'),
  ...all(hex(16), 'tdx_', 'seam_attributes td_attributes xfam'),
  ...all(integer, 'tdx_', 'seamsvn'),
  ...all(text, '', 'dbgstat intuse attester_tcb_status eat_profile'),
  ...all(boolean, 'x-sealward-', 'simulated challenge'),
  ...all(text, 'x-sealward-', 'tcb-status revocation challenge-problem platform-id'),
  ...all(hex(12), 'x-sealward-', 'fmspc'),
  ...all(json, 'x-sealward-', 'advisory-ids'),
  ...all(hex(64), 'x-sealward-', 'evidence-root'),
  ...all(integer, 'x-sealward-', 'evidence-expires'),
  ...tpm(
    boolean,
    'aikValidated secureBootEnabled iommuEnabled bootDebuggingDisabled notSafeMode notWinPE vbsEnabled vbsReportPresent vsmReportPresent',
  ),
  ...tpm(text, 'aikPubHash enclaveAuthorId enclaveImageId enclaveOwnerId enclaveFamilyId'),
  ...tpm(integer, 'tpmVersion enclaveSvn enclavePlatformSvn enclaveFlags'),
  ...tpm(json, 'events bootEvents pcrs x-ms-tpm-request-key x-ms-tpm-other-keys'),
])

/** As Azure's first policies call them. */
const deprecated: Readonly<Record<string, string>> = {
  '$is-debuggable': 'x-ms-sgx-is-debuggable',
  '$product-id': 'x-ms-sgx-product-id',
  '$sgx-mrsigner': 'x-ms-sgx-mrsigner',
  '$sgx-mrenclave': 'x-ms-sgx-mrenclave',
  $svn: 'x-ms-sgx-svn',
  $tee: 'x-ms-attestation-type',
  '$maa-ehd': 'x-ms-sgx-ehd',
  '$aas-ehd': 'x-ms-sgx-ehd',
  '$maa-attestationcollateral': 'x-ms-sgx-collateral',
}

const known: ReadonlyMap<string, KnownClaim> = new Map([
  ...current,
  ...Object.entries(deprecated).map(
    ([name, deprecatedFor]) =>
      [name, { ...(current.get(deprecatedFor) ?? text), deprecatedFor }] as const,
  ),
])
