/**
 * Names of the claims in an attestation token: the one place where Azure's spelling is written down.
 *
 * @see Azure Attestation, claim sets; docs/spec/tokens.md
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
  simulated: 'x-sealward-simulated',
  evidenceRoot: 'x-sealward-evidence-root',
  evidenceExpires: 'x-sealward-evidence-expires',
} as const

/** Members of the `x-ms-sgx-collateral` claim: SHA-256, hex. */
export const collateralNames = {
  qeIdentityIssuerChain: 'qeidcertshash',
  rootCaCrl: 'qeidcrlhash',
  qeIdentity: 'qeidhash',
  quote: 'quotehash',
  tcbInfoIssuerChain: 'tcbinfocertshash',
  pckCrl: 'tcbinfocrlhash',
  tcbInfo: 'tcbinfohash',
} as const

/** Version of the claim set, as Azure numbers it. */
export const claimSetVersion = '1.0'
