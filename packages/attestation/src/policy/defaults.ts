/**
 * The policies an instance of the attestation service starts with.
 *
 * @module
 */

const aliases = `issuancerules {
  c:[type=="x-ms-sgx-is-debuggable"] => issue(type="is-debuggable", value=c.value);
  c:[type=="x-ms-sgx-mrsigner"] => issue(type="sgx-mrsigner", value=c.value);
  c:[type=="x-ms-sgx-mrenclave"] => issue(type="sgx-mrenclave", value=c.value);
  c:[type=="x-ms-sgx-product-id"] => issue(type="product-id", value=c.value);
  c:[type=="x-ms-sgx-svn"] => issue(type="svn", value=c.value);
  c:[type=="x-ms-attestation-type"] => issue(type="tee", value=c.value);
};
`

/**
 * The policy of every instance that is not told otherwise: it refuses evidence of a debug enclave and
 * evidence that does not end in Intel's root. It issues the deprecated aliases that Azure's own default
 * issues, because clients read them.
 */
export const defaultPolicy: string = `version=1.1;
configurationrules {
  => issueproperty(type="x-ms-sgx-tcbidentifier", value="azuredefault");
};
authorizationrules {
  [type=="x-ms-sgx-is-debuggable", value==false, issuer=="AttestationService"] &&
    [type=="x-sealward-simulated", value==false, issuer=="AttestationService"] => permit();
};
${aliases}`

/** The policy of a development instance: as {@link defaultPolicy}, but simulated evidence is let in. */
export const developmentPolicy: string = `version=1.1;
configurationrules {
  => issueproperty(type="x-ms-sgx-tcbidentifier", value="azuredefault");
};
authorizationrules {
  [type=="x-ms-sgx-is-debuggable", value==false, issuer=="AttestationService"] => permit();
};
${aliases}`
