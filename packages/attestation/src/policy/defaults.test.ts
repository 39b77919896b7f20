import { describe, expect, test } from 'vitest'
import {
  configurationOf,
  defaultPolicyFor,
  lintPolicy,
  type PolicyClaim,
  printPolicy,
} from './index.ts'
import { limits, outcome, parsed, sgx } from './policy.fixtures.ts'

const types = ['SgxEnclave', 'OpenEnclave', 'SevSnpVm', 'TdxVm'] as const
const debugClaims = {
  SgxEnclave: 'x-ms-sgx-is-debuggable',
  OpenEnclave: 'x-ms-sgx-is-debuggable',
  SevSnpVm: 'x-ms-sevsnpvm-is-debuggable',
  TdxVm: 'tdx_td_attributes_debug',
} as const

describe.each(types)('%s', (type) => {
  const production = defaultPolicyFor(type)
  const development = defaultPolicyFor(type, { development: true })
  const claims = (debug: PolicyClaim['value'], simulated?: PolicyClaim['value']): PolicyClaim[] => [
    { type: debugClaims[type], value: debug },
    ...(simulated === undefined ? [] : [{ type: 'x-sealward-simulated', value: simulated }]),
  ]

  test('production lets in what is neither debugged nor simulated', () => {
    expect(outcome(production, claims(false, false))).toEqual(expect.any(Array))
    expect(outcome(production, claims(false, true))).toBe('not-permitted')
    expect(outcome(production, claims(true, false))).toBe('not-permitted')
    expect(outcome(production, [])).toBe('not-permitted')
  })

  test('production refuses evidence that does not say whether it is simulated', () => {
    expect(outcome(production, claims(false))).toBe('not-permitted')
  })

  test('production refuses what the client says of itself', () => {
    const own = (name: string): PolicyClaim => ({ type: name, value: false, issuer: 'CustomClaim' })
    expect(outcome(production, [...claims(false, true), own('x-sealward-simulated')])).toBe(
      'not-permitted',
    )
    expect(outcome(production, [...claims(true, false), own(debugClaims[type])])).toBe(
      'not-permitted',
    )
  })

  test('development lets in what is simulated, and nothing that is debugged', () => {
    expect(outcome(development, claims(false, true))).toEqual(expect.any(Array))
    expect(outcome(development, claims(true, true))).toBe('not-permitted')
    expect(outcome(development, claims(true, false))).toBe('not-permitted')
  })

  test('both are printed as they are, and the linter finds nothing', () => {
    for (const text of [production, development]) {
      expect(printPolicy(parsed(text))).toBe(text)
      expect(lintPolicy(parsed(text))).toEqual([])
    }
  })
})

test('that of SGX issues the deprecated aliases, as Azure’s does', () => {
  const aliases = [
    { type: 'is-debuggable', value: false },
    { type: 'sgx-mrsigner', value: 'bb' },
    { type: 'sgx-mrenclave', value: 'aa' },
    { type: 'product-id', value: 1 },
    { type: 'svn', value: 2 },
    { type: 'tee', value: 'sgx' },
  ]
  expect(outcome(defaultPolicyFor('SgxEnclave'), sgx())).toEqual(aliases)
  expect(
    outcome(
      defaultPolicyFor('OpenEnclave', { development: true }),
      sgx({ 'x-sealward-simulated': true }),
    ),
  ).toEqual(aliases)
  expect(configurationOf(parsed(defaultPolicyFor('SgxEnclave')), limits)).toMatchObject({
    ok: true,
    value: { tcbIdentifier: 'azuredefault' },
  })
})
