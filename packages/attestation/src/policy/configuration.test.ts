import { describe, expect, test } from 'vitest'
import { configurationOf, type PolicyConfiguration } from './index.ts'
import { limits, parsed } from './policy.fixtures.ts'

const defaults: PolicyConfiguration = {
  tcbIdentifier: 'azuredefault',
  requireValidAikCert: true,
  requiredPcrMask: 0xff_ffff,
  reportValidityMinutes: undefined,
  omitX5c: false,
  unknown: [],
}

function configured(rules: string): unknown {
  const text = `version=1.2; configurationrules{${rules}}; authorizationrules{};`
  const result = configurationOf(parsed(text), limits)
  return result.ok ? result.value : result.problem
}

const property = (name: string, value: string): string =>
  `=> issueproperty(type="${name}", value=${value});`

test('what is not set has its default', () => {
  expect(configured('')).toEqual(defaults)
})

describe('a property', () => {
  test.each([
    ['x-ms-sgx-tcbidentifier', '"azuredefault"', { tcbIdentifier: 'azuredefault' }],
    ['x-ms-sgx-tcbidentifier', '"15"', { tcbIdentifier: 15 }],
    ['x-ms-sgx-tcbidentifier', '15', { tcbIdentifier: 15 }],
    ['require_valid_aik_cert', 'false', { requireValidAikCert: false }],
    ['required_pcr_mask', '15', { requiredPcrMask: 15 }],
    ['report_validity_in_minutes', '1440', { reportValidityMinutes: 1440 }],
    ['report_validity_in_minutes', '525600', { reportValidityMinutes: 525_600 }],
    ['omit_x5c', 'true', { omitX5c: true }],
    ['colour', '"red"', { unknown: ['colour'] }],
    ['constructor', '1', { unknown: ['constructor'] }],
  ])('%s is set to %s', (name, value, set) => {
    expect(configured(property(name, value))).toEqual({ ...defaults, ...set })
    expect(configured(property(name, value).repeat(2))).toEqual({ ...defaults, ...set })
  })

  test.each([
    ['x-ms-sgx-tcbidentifier', '"latest"'],
    ['x-ms-sgx-tcbidentifier', '-1'],
    ['x-ms-sgx-tcbidentifier', 'true'],
    ['require_valid_aik_cert', '"false"'],
    ['required_pcr_mask', '16777216'],
    ['report_validity_in_minutes', '0'],
    ['report_validity_in_minutes', '525601'],
    ['omit_x5c', '1'],
  ])('%s is refused as %s', (name, value) => {
    expect(configured(property(name, value))).toMatchObject({
      code: 'policy-configuration',
      at: '1:33',
    })
  })

  test('is not set to two values', () => {
    const name = 'x-ms-sgx-tcbidentifier'
    expect(configured(property(name, '10') + property(name, '11'))).toMatchObject({
      code: 'policy-configuration',
    })
  })
})

test('conditions of configuration rules see what rules before them set, and nothing else', () => {
  expect(
    configured(
      `${property('omit_x5c', 'true')} [type=="omit_x5c", value==true] ${property('required_pcr_mask', '1')} [type=="x-ms-sgx-svn"] ${property('required_pcr_mask', '2')}`,
    ),
  ).toEqual({ ...defaults, omitX5c: true, requiredPcrMask: 1 })
})
