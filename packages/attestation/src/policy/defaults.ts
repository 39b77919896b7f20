/**
 * The policies an instance of the attestation service starts with.
 *
 * @module
 */

/** What evidence is of, as Azure names it in paths. */
export const attestationTypes = ['SgxEnclave', 'OpenEnclave', 'SevSnpVm', 'TdxVm'] as const

export type AttestationType = (typeof attestationTypes)[number]

/**
 * The policy of an instance that is not told otherwise.
 *
 * It refuses what can be debugged, and what does not end in its vendor's root; `development` lets the latter in, and
 * never the former. That of SGX issues the deprecated aliases that Azure's own default issues, because clients read
 * them; Azure's permits everything.
 */
export function defaultPolicyFor(
  type: AttestationType,
  { development = false }: { readonly development?: boolean } = {},
): string {
  return policies[type][development ? 'development' : 'production']
}

interface Defaults {
  readonly production: string
  readonly development: string
}

const sgx = defaultsOf('x-ms-sgx-is-debuggable', {
  configuration: `configurationrules {
  => issueproperty(type="x-ms-sgx-tcbidentifier", value="azuredefault");
};

`,
  issuance: `
issuancerules {
  c:[type=="x-ms-sgx-is-debuggable"] => issue(type="is-debuggable", value=c.value);
  c:[type=="x-ms-sgx-mrsigner"] => issue(type="sgx-mrsigner", value=c.value);
  c:[type=="x-ms-sgx-mrenclave"] => issue(type="sgx-mrenclave", value=c.value);
  c:[type=="x-ms-sgx-product-id"] => issue(type="product-id", value=c.value);
  c:[type=="x-ms-sgx-svn"] => issue(type="svn", value=c.value);
  c:[type=="x-ms-attestation-type"] => issue(type="tee", value=c.value);
};
`,
})

const policies: Readonly<Record<AttestationType, Defaults>> = {
  SgxEnclave: sgx,
  OpenEnclave: sgx,
  SevSnpVm: defaultsOf('x-ms-sevsnpvm-is-debuggable'),
  TdxVm: defaultsOf('tdx_td_attributes_debug'),
}

function defaultsOf(
  debug: string,
  { configuration, issuance } = { configuration: '', issuance: '' },
): Defaults {
  const refusing = (...types: readonly string[]): string => {
    const conditions = types.map(
      (type) => `  [type=="${type}", value==false, issuer=="AttestationService"]`,
    )
    return `version=1.1;

${configuration}authorizationrules {
${conditions.join(' &&\n')} => permit();
};
${issuance}`
  }
  return {
    production: refusing(debug, 'x-sealward-simulated'),
    development: refusing(debug),
  }
}
