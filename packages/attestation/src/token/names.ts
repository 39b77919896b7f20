/**
 * Names of the claims in an attestation token: the one place where Azure's spelling is written down.
 *
 * @see Azure Attestation, claim sets, "EAT profile for Intel Trust Domain Extensions"; docs/spec/tokens.md
 * @module
 */

export const claimNames = {
  issuer: 'iss',
  issuedAt: 'iat',
  notBefore: 'nbf',
  expiresAt: 'exp',
  id: 'jti',
  nonce: 'nonce',
  version: 'x-ms-ver',
  attestationType: 'x-ms-attestation-type',
  complianceStatus: 'x-ms-compliance-status',
  policy: 'x-ms-policy',
  policyHash: 'x-ms-policy-hash',
  runtime: 'x-ms-runtime',
  initTime: 'x-ms-inittime',
  debug: 'x-ms-sgx-is-debuggable',
  mrEnclave: 'x-ms-sgx-mrenclave',
  mrSigner: 'x-ms-sgx-mrsigner',
  isvProdId: 'x-ms-sgx-product-id',
  isvSvn: 'x-ms-sgx-svn',
  reportData: 'x-ms-sgx-report-data',
  enclaveHeldData: 'x-ms-sgx-ehd',
  collateral: 'x-ms-sgx-collateral',
  configId: 'x-ms-sgx-config-id',
  configSvn: 'x-ms-sgx-config-svn',
  isvExtProdId: 'x-ms-sgx-isv-extended-product-id',
  isvFamilyId: 'x-ms-sgx-isv-family-id',
  tcbStatus: 'x-sealward-tcb-status',
  advisoryIds: 'x-sealward-advisory-ids',
  revocation: 'x-sealward-revocation',
  simulated: 'x-sealward-simulated',
  evidenceRoot: 'x-sealward-evidence-root',
  evidenceExpires: 'x-sealward-evidence-expires',
  platformId: 'x-sealward-platform-id',
  fmspc: 'x-sealward-fmspc',
  challenge: 'x-sealward-challenge',
  challengeProblem: 'x-sealward-challenge-problem',
} as const

/** Claims about a guest of SEV-SNP. */
export const snpClaimNames = {
  authorKeyDigest: 'x-ms-sevsnpvm-authorkeydigest',
  bootloaderSvn: 'x-ms-sevsnpvm-bootloader-svn',
  familyId: 'x-ms-sevsnpvm-familyId',
  guestSvn: 'x-ms-sevsnpvm-guestsvn',
  hostData: 'x-ms-sevsnpvm-hostdata',
  idKeyDigest: 'x-ms-sevsnpvm-idkeydigest',
  imageId: 'x-ms-sevsnpvm-imageId',
  debug: 'x-ms-sevsnpvm-is-debuggable',
  measurement: 'x-ms-sevsnpvm-launchmeasurement',
  microcodeSvn: 'x-ms-sevsnpvm-microcode-svn',
  migrationAllowed: 'x-ms-sevsnpvm-migration-allowed',
  reportData: 'x-ms-sevsnpvm-reportdata',
  reportId: 'x-ms-sevsnpvm-reportid',
  smtAllowed: 'x-ms-sevsnpvm-smt-allowed',
  snpFirmwareSvn: 'x-ms-sevsnpvm-snpfw-svn',
  teeSvn: 'x-ms-sevsnpvm-tee-svn',
  vmpl: 'x-ms-sevsnpvm-vmpl',
} as const

/** Claims about a trust domain: those of Azure's EAT profile. */
export const tdxClaimNames = {
  profile: 'eat_profile',
  debugStatus: 'dbgstat',
  intendedUse: 'intuse',
  attesterTcbStatus: 'attester_tcb_status',
  mrConfigId: 'tdx_mrconfigid',
  mrOwner: 'tdx_mrowner',
  mrOwnerConfig: 'tdx_mrownerconfig',
  mrSeam: 'tdx_mrseam',
  mrSignerSeam: 'tdx_mrsignerseam',
  mrTd: 'tdx_mrtd',
  reportData: 'tdx_report_data',
  rtmr0: 'tdx_rtmr0',
  rtmr1: 'tdx_rtmr1',
  rtmr2: 'tdx_rtmr2',
  rtmr3: 'tdx_rtmr3',
  seamAttributes: 'tdx_seam_attributes',
  seamSvn: 'tdx_seamsvn',
  tdAttributes: 'tdx_td_attributes',
  debug: 'tdx_td_attributes_debug',
  keyLocker: 'tdx_td_attributes_key_locker',
  perfmon: 'tdx_td_attributes_perfmon',
  protectionKeys: 'tdx_td_attributes_protection_keys',
  septVeDisable: 'tdx_td_attributes_septve_disable',
  teeTcbSvn: 'tdx_tee_tcb_svn',
  xfam: 'tdx_xfam',
} as const

/** What Azure's first clients read, beside the names of today. Its policy language cannot issue these. */
export const deprecatedClaimNames = {
  collateral: 'maa-attestationcollateral',
  enclaveHeldData: ['aas-ehd', 'maa-ehd'],
} as const

/** Members of the `x-ms-sgx-collateral` claim: SHA-256, hex. */
export const collateralNames = {
  qeIdentityIssuerChain: 'qeidcertshash',
  qeIdentityCrl: 'qeidcrlhash',
  qeIdentity: 'qeidhash',
  quote: 'quotehash',
  tcbInfoIssuerChain: 'tcbinfocertshash',
  tcbInfoCrl: 'tcbinfocrlhash',
  tcbInfo: 'tcbinfohash',
} as const

/** Version of the claim set, as Azure numbers it. */
export const claimSetVersion = '1.0'

/** The profile that Azure names in tokens about trust domains. */
export const tdxProfile = 'https://aka.ms/maa-eat-profile-tdxvm'
