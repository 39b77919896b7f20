import { describe, expect, test } from 'vitest'
import { claimNames, snpClaimNames, tdxClaimNames } from '../token/names.ts'
import { type LintCode, lintPolicy } from './index.ts'
import { authorizing, parsed, permitting } from './policy.fixtures.ts'
import { knownClaim } from './vocabulary.ts'

const good = '[type=="x-ms-sgx-is-debuggable", value==false, issuer=="AttestationService"]'
const letsIn = (conditions: string, version = '1.2'): string =>
  authorizing(`${good} && ${conditions} => permit();`, version)
const issues = (issuance: string): string =>
  `version=1.2; authorizationrules{${good} => permit();}; issuancerules{${issuance}};`

function codes(text: string): readonly LintCode[] {
  return lintPolicy(parsed(text)).map(({ code }) => code)
}

const hex64 = 'ab'.repeat(32)
const service = 'issuer=="AttestationService"'

test.each<readonly [LintCode, string]>([
  ['sloppy-spelling', `version=1.0; Authorizationrules{${good} => permit();};`],
  ['sloppy-spelling', `version=1.0; authorizationrules{${good} => permit()};`],
  ['no-permit', authorizing('')],
  ['no-permit', authorizing('=> add(type="a", value=1);')],
  ['unconditional-permit', permitting('')],
  ['always-denies', authorizing(`=> deny(); ${good} => permit();`)],
  ['debug-not-refused', authorizing(`[type=="x-ms-sgx-svn", value>=2, ${service}] => permit();`)],
  ['debug-not-refused', authorizing(`[type=="x-ms-sgx-is-debuggable", ${service}] => permit();`)],
  [
    'debug-not-refused',
    authorizing(`[type=="x-ms-sgx-is-debuggable", value==true, ${service}] => permit();`),
  ],
  ['never-fires', letsIn(`[type=="a", type=="b", ${service}]`)],
  ['never-fires', letsIn(`[type=="x-ms-sgx-svn", value>=4, value<4, ${service}]`)],
  ['never-fires', letsIn('[type=="x-ms-sgx-svn", issuer=="Nobody"]')],
  ['never-fires', letsIn(`[type=="x-ms-sgx-svn", valueType=="String", value==2, ${service}]`)],
  ['never-fires', letsIn('[type=="own", issuer=="AttestationPolicy"]')],
  ['always-holds', letsIn(`[type=="x-ms-sgx-svn", value>=0, ${service}]`)],
  ['always-holds', letsIn(`![type=="x-ms-sgx-svn", value==1, value==2, ${service}]`)],
  ['unknown-claim', letsIn(`[type=="x-ms-sgx-mrowner", ${service}]`)],
  ['unknown-claim', letsIn('[type=="svn", value>=2]')],
  ['deprecated-claim', letsIn(`[type=="$svn", value>=2, ${service}]`)],
  ['forgeable-claim', letsIn('[type=="x-ms-sgx-svn", value>=2]')],
  ['forgeable-claim', letsIn('[value==2]')],
  ['shadowed-claim', authorizing(`=> add(type="x-ms-sgx-svn", value=9); ${good} => permit();`)],
  [
    'shadowed-claim',
    issues(
      '=> add(type="x-ms-sgx-svn", value=9); c:[type=="x-ms-sgx-svn"] => issue(type="a", value=c.value);',
    ),
  ],
  ['reserved-claim', issues('=> issue(type="x-ms-sgx-svn", value=9);')],
  ['reserved-claim', issues('=> issue(type="iss", value="me");')],
  [
    'measurement-form',
    letsIn(`[type=="x-ms-sgx-mrenclave", value=="${hex64.slice(1)}", ${service}]`),
  ],
  [
    'measurement-form',
    letsIn(`[type=="x-ms-sgx-mrenclave", value=="${hex64.toUpperCase()}", ${service}]`),
  ],
  [
    'measurement-form',
    letsIn(`[type=="x-ms-sgx-mrsigner", value=="${'x'.repeat(64)}", ${service}]`),
  ],
  ['measurement-form', letsIn(`[type=="tdx_mrtd", value=="${hex64}", ${service}]`)],
  [
    'measurement-form',
    letsIn(`[type=="x-ms-sevsnpvm-launchmeasurement", value!="${hex64}", ${service}]`),
  ],
  ['kind-mismatch', letsIn(`[type=="x-ms-sevsnpvm-is-debuggable", value=="false", ${service}]`)],
  ['kind-mismatch', letsIn(`[type=="x-ms-sgx-svn", value=="2", ${service}]`)],
  ['kind-mismatch', letsIn(`[type=="x-ms-attestation-type", value==1, ${service}]`)],
  ['exact-svn', letsIn(`[type=="x-ms-sgx-svn", value==2, ${service}]`)],
  ['exact-svn', letsIn(`[type=="x-ms-sevsnpvm-tee-svn", value==2, ${service}]`)],
  ['unused-name', authorizing(`c:${good} => permit();`)],
  ['duplicate-rule', authorizing(`${good} => permit(); ${good} => permit();`)],
  [
    'unknown-property',
    `version=1.1; configurationrules{=> issueproperty(type="colour", value=1);}; authorizationrules{${good} => permit();};`,
  ],
  [
    'property-value',
    `version=1.1; configurationrules{=> issueproperty(type="omit_x5c", value="yes");}; authorizationrules{${good} => permit();};`,
  ],
  [
    'query-malformed',
    issues(
      'c:[type=="x-ms-runtime"] => issue(type="a", value=JsonToClaimValue(JmesPath(c.value, "a..b")));',
    ),
  ],
  [
    'query-malformed',
    issues('c:[type=="x-ms-runtime"] => issue(type="a", value=JmesPath(c.value, "nonsense(@)"));'),
  ],
])('%s: %s', (code, text) => {
  expect(codes(text)).toContain(code)
})

test.each([
  authorizing(`${good} => permit();`),
  letsIn(`[type=="x-ms-sgx-mrenclave", value=="${hex64}", ${service}]`),
  letsIn(`[type=="x-ms-sgx-svn", value>=2, ${service}]`),
  letsIn(
    `c:[type=="x-ms-sgx-svn", ${service}] && [type=="x-ms-sgx-config-svn", value==c.value, ${service}]`,
  ),
  letsIn('[type=="own", value==1, issuer=="CustomClaim"]'),
  letsIn(`[type=="x-ms-sgx-svn", value>=2, value<9, value!=5, ${service}]`),
  authorizing(
    `![type=="tdx_td_attributes_debug", value==true] && [type=="tdx_mrtd", ${service}] => permit();`,
    '1.2',
  ),
  authorizing(
    `[type=="x-ms-sgx-is-debuggable", value!=false] => deny(); [type=="x-ms-sgx-svn", value>=2, ${service}] => permit();`,
  ),
  authorizing(`[type=="dbgstat", value=="disabled", ${service}] => permit();`),
  authorizing(`[type=="secureBootEnabled", value==true, ${service}] => permit();`),
  issues(
    '=> add(type="own", value=1); c:[type=="own", issuer=="AttestationPolicy"] => issue(claim=c);',
  ),
  issues(
    'c:[type=="x-ms-runtime"] => issue(type="a", value=JsonToClaimValue(JmesPath(c.value, "a.b")));',
  ),
])('nothing is found in %s', (text) => {
  expect(lintPolicy(parsed(text))).toEqual([])
})

describe('a warning', () => {
  test('has its place, and warnings come in the order of the text', () => {
    const text = `version=1.2;
authorizationrules {
  [type=="x-ms-sgx-svn", value==2] => permit();
  => permit();
};`
    expect(lintPolicy(parsed(text)).map(({ code, at }) => [code, at])).toEqual([
      ['debug-not-refused', '3:3'],
      ['forgeable-claim', '3:3'],
      ['exact-svn', '3:26'],
      ['unconditional-permit', '4:3'],
    ])
  })

  test('is given once for what can be debugged, where everything is let in', () => {
    expect(codes(permitting(''))).toEqual(['unconditional-permit'])
  })
})

test('the linter knows every claim that evidence brings', () => {
  const { issuer, issuedAt, notBefore, expiresAt, id, policy, policyHash, ...ofEvidence } =
    claimNames
  const ofTokens = [issuer, issuedAt, notBefore, expiresAt, id, policy, policyHash]
  const names = [ofEvidence, snpClaimNames, tdxClaimNames].flatMap((of) => Object.values(of))
  expect(names.filter((name) => knownClaim(name) === undefined)).toEqual([])
  expect(ofTokens.filter((name) => knownClaim(name) !== undefined)).toEqual([])
})
