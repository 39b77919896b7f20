import { utf8Of } from '@sealward/attestation/bytes'
import { defaultPolicyFor } from '@sealward/attestation/policy'

/** A policy with every construct of the language. */
export const every = `// every construct
version=1.2;
configurationrules {
  => issueproperty(type="x-ms-sgx-tcbidentifier", value="15");
};
authorizationrules {
  c:[type=="x-ms-sgx-svn", value>=2, issuer=="AttestationService"] && ![type=="revoked", value==true] => permit(); // why
  d:[type=="x-ms-sgx-is-debuggable", valueType=="Boolean"] && [type=="same", value!=d.value] => deny();
  r:[type=="x-ms-runtime"] => add(type="kids", value=JsonToClaimValue(JmesPath(r.value, "keys[*].kid")));
};
Issuancerules {
  k:[type=="kids", issuer=="AttestationPolicy"] => issue(type="only", value=ContainsOnlyValue(k.value, "a"));
  k:[type=="kids"] && s:[type=="x-ms-sgx-mrsigner"] => add(type="subset", value=IsSubsetOf(k.value, s.value));
  s:[type=="x-ms-sgx-mrsigner"] => issue(type="text", value=AppendString(AppendString("\\"", s.value), "\\\\"));
  b:[type=="only"] => issue(type="not", value=NegateBool(b.value));
  c:[type=="x-ms-sgx-svn"] => issue(claim=c);
}`

/** For the targets about policies: each is accepted. */
export const policySeeds: Readonly<Record<string, readonly Uint8Array[]>> = {
  'policy-text': [
    defaultPolicyFor('SgxEnclave'),
    defaultPolicyFor('TdxVm', { development: true }),
    'version= 1.0;authorizationrules{=>deny()}',
    every,
  ].map(utf8Of),
  'policy-evaluation': [
    {
      policy: every,
      claims: {
        'x-ms-sgx-svn': 3,
        'x-ms-sgx-mrsigner': 'a',
        'x-ms-runtime': { keys: [{ kid: 'a' }] },
      },
    },
    {
      policy:
        'version=1.0; authorizationrules{ a:[type=="a"] && b:[type=="b", value==a.value] => permit(); };',
      claims: { a: 1, b: 1, c: [1, 2], d: { e: null } },
    },
  ].map(jsonBytes),
  'policy-query': [
    { query: 'keys[?n > `1`].{a: kid, b: n} | [0]', json: { keys: [{ kid: 'a', n: 2 }] } },
    {
      query: "sort_by(@, &length(to_string(@)))[::-1] | join(',', map(&type(@), @))",
      json: [1, 'a'],
    },
    {
      query: "a.*.b[] | [contains(@, 'x') || !(@ == `[]`), not_null(c, max(@))]",
      json: { a: { c: { b: ['x'] } } },
    },
  ].map(jsonBytes),
}

function jsonBytes(value: unknown): Uint8Array {
  return utf8Of(JSON.stringify(value))
}
