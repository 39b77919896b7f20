import { incomingClaims, type PolicyClaim } from '@sealward/attestation/policy'

/**
 * The claims that a policy would see of what `sealward evidence inspect --json` or `verify --json` printed; `undefined`
 * when it was neither.
 *
 * What the service alone knows (`x-sealward-simulated`, the TCB status of an inspection) is not among them.
 */
export function claimsOfInspection(
  printed: Readonly<Record<string, unknown>>,
): readonly PolicyClaim[] | undefined {
  const kind = printed['kind']
  const isPrinted = 'forms' in printed || 'verdict' in printed
  if (!isPrinted || (kind !== 'sgx' && kind !== 'tdx' && kind !== 'snp')) return undefined
  const inner = printed['claims']
  const said = { ...printed, ...(typeof inner === 'object' ? inner : {}) } as typeof printed
  const names = Object.entries(claimNames[kind]).flatMap(([name, type]) =>
    said[name] === undefined ? [] : [[type, said[name]] as const],
  )
  const rtmrs = Array.isArray(said['rtmr'])
    ? said['rtmr'].map((rtmr: unknown, index) => [`tdx_rtmr${index}`, rtmr] as const)
    : []
  const status = typeof said['tcbStatus'] === 'string' ? said['tcbStatus'] : undefined
  return incomingClaims({
    'x-ms-attestation-type': attestationTypes[kind],
    ...Object.fromEntries([...names, ...rtmrs]),
    ...(status === undefined ? {} : { 'x-sealward-tcb-status': status }),
  })
}

const attestationTypes = { sgx: 'sgx', tdx: 'tdxvm', snp: 'sevsnpvm' } as const

const claimNames = {
  sgx: {
    debug: 'x-ms-sgx-is-debuggable',
    mrEnclave: 'x-ms-sgx-mrenclave',
    mrSigner: 'x-ms-sgx-mrsigner',
    isvProdId: 'x-ms-sgx-product-id',
    isvSvn: 'x-ms-sgx-svn',
    reportData: 'x-ms-sgx-report-data',
    configId: 'x-ms-sgx-config-id',
    configSvn: 'x-ms-sgx-config-svn',
  },
  tdx: {
    debug: 'tdx_td_attributes_debug',
    mrTd: 'tdx_mrtd',
    mrSeam: 'tdx_mrseam',
    mrSignerSeam: 'tdx_mrsignerseam',
    mrConfigId: 'tdx_mrconfigid',
    mrOwner: 'tdx_mrowner',
    mrOwnerConfig: 'tdx_mrownerconfig',
    reportData: 'tdx_report_data',
    seamAttributes: 'tdx_seam_attributes',
    tdAttributes: 'tdx_td_attributes',
    xfam: 'tdx_xfam',
    teeTcbSvn: 'tdx_tee_tcb_svn',
  },
  snp: {
    debug: 'x-ms-sevsnpvm-is-debuggable',
    measurement: 'x-ms-sevsnpvm-launchmeasurement',
    hostData: 'x-ms-sevsnpvm-hostdata',
    reportData: 'x-ms-sevsnpvm-reportdata',
    vmpl: 'x-ms-sevsnpvm-vmpl',
    guestSvn: 'x-ms-sevsnpvm-guestsvn',
    familyId: 'x-ms-sevsnpvm-familyId',
    imageId: 'x-ms-sevsnpvm-imageId',
    idKeyDigest: 'x-ms-sevsnpvm-idkeydigest',
    authorKeyDigest: 'x-ms-sevsnpvm-authorkeydigest',
    reportId: 'x-ms-sevsnpvm-reportid',
  },
} as const
