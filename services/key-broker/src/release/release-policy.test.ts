import { textOf, utf8Of } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import { limits } from './limits.ts'
import { parseReleasePolicy, printReleasePolicy } from './release-policy.ts'

const condition = { claim: 'x-ms-sgx-is-debuggable', equals: 'false' }
const withRule = (rule: object): object => ({
  version: '1.0.0',
  anyOf: [{ authority: 'https://attestation.example', ...rule }],
})
const parse = (policy: unknown): ReturnType<typeof parseReleasePolicy> =>
  parseReleasePolicy(utf8Of(typeof policy === 'string' ? policy : JSON.stringify(policy)))

test('a policy of the documentation is read, and printed as it was', () => {
  const policy = withRule({
    allOf: [
      { claim: 'x-ms-attestation-type', equals: 'sgx' },
      condition,
      { anyOf: [{ claim: 'x-ms-sgx-mrenclave', equals: '00'.repeat(32) }] },
      { claim: 'x-ms-sgx-svn', greaterOrEquals: 3 },
      { claim: 'x-ms-inittime.deployment', notEquals: 'another' },
      { claim: 'x-ms-runtime.model', exists: true },
    ],
  })
  const parsed = parse(policy)
  if (!parsed.ok) throw new Error(parsed.problem.detail)
  expect(JSON.parse(textOf(printReleasePolicy(parsed.value)) ?? '')).toEqual(policy)
  expect(parseReleasePolicy(printReleasePolicy(parsed.value))).toEqual(parsed)
})

test('version 0.2 or none is taken, and written as 1.0.0; another is not', () => {
  const { version, ...none } = withRule({ allOf: [condition] }) as { version: string }
  for (const policy of [none, { ...none, version: '0.2' }, { ...none, version }]) {
    const parsed = parse(policy)
    expect(parsed.ok && textOf(printReleasePolicy(parsed.value))).toContain('"version":"1.0.0"')
  }
  expect(parse({ ...none, version: '2.0.0' })).toMatchObject({
    ok: false,
    problem: { code: 'release-policy-malformed', at: 'release_policy.version' },
  })
})

test.each<[name: string, policy: unknown]>([
  ['no JSON', '{"anyOf":'],
  ['a list', []],
  ['no authority', { version: '1.0.0', anyOf: [] }],
  ['nothing but a version', { version: '1.0.0' }],
  ['an authority without conditions', withRule({})],
  ['no condition at all, which everything would meet', withRule({ allOf: [] })],
  ['all and any in one place', withRule({ allOf: [condition], anyOf: [condition] })],
  ['an unknown operator', withRule({ allOf: [{ claim: 'a', matches: '.*' }] })],
  ['an operator of another spelling', withRule({ allOf: [{ claim: 'a', Equals: 'b' }] })],
  ['an unknown field beside an operator', withRule({ allOf: [{ ...condition, not: true }] })],
  ['an unknown field at the top', { ...withRule({ allOf: [condition] }), comment: 'x' }],
  ['an unknown field of an authority', withRule({ allOf: [condition], not: [condition] })],
  ['two operators', withRule({ allOf: [{ claim: 'a', equals: 1, less: 2 }] })],
  ['no operator', withRule({ allOf: [{ claim: 'a' }] })],
  ['no claim', withRule({ allOf: [{ equals: 'a' }] })],
  ['a claim beside a group', withRule({ allOf: [{ ...condition, anyOf: [condition] }] })],
  ['a list to compare with', withRule({ allOf: [{ claim: 'a', equals: ['b'] }] })],
  ['an object to compare with', withRule({ allOf: [{ claim: 'a', equals: { b: 1 } }] })],
  ['null to compare with', withRule({ allOf: [{ claim: 'a', equals: null }] })],
  ['text to be less than', withRule({ allOf: [{ claim: 'a', less: '3' }] })],
  ['a fraction', withRule({ allOf: [{ claim: 'a', less: 1.5 }] })],
  ['existence of another kind', withRule({ allOf: [{ claim: 'a', exists: 'maybe' }] })],
  ['a claim with an empty step', withRule({ allOf: [{ claim: 'a..b', equals: 1 }] })],
  ['no claim name', withRule({ allOf: [{ claim: '', equals: 1 }] })],
  [
    'a name twice',
    '{"anyOf":[{"authority":"https://a","allOf":[{"claim":"a","equals":1,"equals":2}]}]}',
  ],
  ['an authority that is no address', { anyOf: [{ authority: 'anybody', allOf: [condition] }] }],
])('%s is refused', (_name, policy) => {
  expect(parse(policy)).toMatchObject({ ok: false, problem: { code: 'release-policy-malformed' } })
})

test('conditions may be as many and as deep as the limits say, and no more', () => {
  const many = (count: number): object => withRule({ allOf: Array(count).fill(condition) })
  expect(parse(many(limits.conditionsMax)).ok).toBe(true)
  expect(parse(many(limits.conditionsMax + 1)).ok).toBe(false)
  const deep = (levels: number): object =>
    levels === 1 ? { allOf: [condition] } : { anyOf: [deep(levels - 1)] }
  expect(parse(withRule(deep(limits.conditionDepthMax))).ok).toBe(true)
  expect(parse(withRule(deep(limits.conditionDepthMax + 1))).ok).toBe(false)
  const padding = ' '.repeat(limits.policyBytesMax)
  expect(parse(`${JSON.stringify(many(1))}${padding}`).ok).toBe(false)
})
