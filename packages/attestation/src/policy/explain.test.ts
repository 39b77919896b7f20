import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { claimLists, policies } from './arbitrary-policy.fixtures.ts'
import {
  describeExplanation,
  type Explanation,
  evaluatePolicy,
  explainPolicy,
  headlineOf,
  type PolicyClaim,
} from './index.ts'
import { authorizing, limits, parsed, permitting, sgx } from './policy.fixtures.ts'

function explained(text: string, claims: readonly PolicyClaim[] = []): Explanation {
  return explainPolicy(parsed(text), claims, limits)
}

describe('a refusal', () => {
  const svn = authorizing(
    '[type=="x-ms-sgx-is-debuggable", value==false] && [type=="x-ms-sgx-svn", value>=4] => permit();',
  )

  test('names the claim that comes nearest, and what it lacks', () => {
    const explanation = explained(svn, sgx({ 'x-ms-sgx-svn': 3 }))
    expect(explanation).toMatchObject({
      verdict: 'not-permitted',
      problem: { code: 'not-permitted' },
      decidedBy: [],
      rules: [
        {
          section: 'authorizationrules',
          at: '1:33',
          action: 'permit',
          fired: 0,
          conditions: [
            { outcome: 'holds', claims: [{ type: 'x-ms-sgx-is-debuggable', value: false }] },
            {
              outcome: 'fails',
              claims: [],
              nearest: {
                at: '1:106',
                claim: { type: 'x-ms-sgx-svn', value: 3, issuer: 'AttestationService' },
                property: 'value',
                operator: '>=',
                expected: 4,
                actual: 3,
              },
            },
          ],
        },
      ],
    })
    expect(headlineOf(explanation)).toBe('Not permitted, because x-ms-sgx-svn is 3, not >= 4.')
  })

  test('of which no claim has the type says so', () => {
    const explanation = explained(svn, [{ type: 'x-ms-sgx-is-debuggable', value: false }])
    expect(explanation.rules[0]?.conditions[1]).toMatchObject({ outcome: 'fails' })
    expect(explanation.rules[0]?.conditions[1]).not.toHaveProperty('nearest')
    expect(headlineOf(explanation)).toContain('no claim satisfies [type=="x-ms-sgx-svn", value>=4]')
  })

  test('for another issuer says which', () => {
    const text = authorizing('[type=="a", issuer=="AttestationService", value==1] => permit();')
    const explanation = explained(text, [{ type: 'a', value: 1, issuer: 'CustomClaim' }])
    expect(headlineOf(explanation)).toBe(
      'Not permitted, because the issuer of a is "CustomClaim", not "AttestationService".',
    )
  })

  test('by a deny names the rule and the claims it bound', () => {
    const explanation = explained(
      authorizing('=> permit(); c:[type=="x-ms-sgx-svn", value<4] => deny();'),
      sgx({ 'x-ms-sgx-svn': 3 }),
    )
    expect(explanation).toMatchObject({ verdict: 'denied', decidedBy: [1] })
    expect(explanation.problem?.at).toBe(explanation.rules[1]?.at)
    expect(headlineOf(explanation)).toBe(
      'Denied by the rule at 1:46, because x-ms-sgx-svn is 3, which is < 4.',
    )
  })

  test('by a negated condition names the claim that is there', () => {
    const explanation = explained(authorizing('![type=="a"] => permit();', '1.2'), [
      { type: 'a', value: 'x', issuer: 'CustomClaim' },
    ])
    expect(explanation.rules[0]?.conditions[0]).toMatchObject({
      negated: true,
      outcome: 'fails',
      claims: [{ type: 'a' }],
    })
    expect(headlineOf(explanation)).toContain('a is "x" (CustomClaim) is there')
  })

  test('of a policy without a permit says that there is none', () => {
    expect(headlineOf(explained(authorizing('')))).toBe('Not permitted: the policy has no permit.')
  })

  test('because evaluation failed has the rule over which it did, and those before', () => {
    const explanation = explained(
      permitting('=> issue(type="a", value=1); => issue(type="b", value=NegateBool(1));', '1.2'),
    )
    expect(explanation).toMatchObject({
      verdict: 'failed',
      problem: { code: 'policy-argument' },
      issued: [],
    })
    expect(explanation.rules.map(({ fired }) => fired)).toEqual([1, 1, 0])
    expect(describeExplanation(explanation)).toContain('policy-argument (')
  })
})

describe('a permission', () => {
  test('names the rule, what was issued and which properties were set', () => {
    const explanation = explained(
      permitting(
        '=> add(type="a", value=1); c:[type=="a"] => issue(type="b", value=c.value); => issueproperty(type="omit_x5c", value=true);',
      ),
    )
    expect(explanation).toMatchObject({
      verdict: 'permitted',
      decidedBy: [0],
      issued: [{ type: 'b', value: 1 }],
      properties: [{ type: 'omit_x5c', value: true }],
    })
    expect(explanation.rules[2]).toMatchObject({
      fired: 1,
      made: [{ type: 'b', value: 1 }],
      conditions: [{ claims: [{ type: 'a', value: 1, issuer: 'AttestationPolicy' }] }],
    })
    expect(describeExplanation(explanation)).toBe(`Permitted by the rule at 1:33.
  1:33  => permit()
    fired
Issued    b = 1
Property  omit_x5c = true
Other rules:
  1:62  => add(type="a", value=1)
    fired
    made  a = 1
  1:89  c:[type=="a"] => issue(type="b", value=c.value)
    fired
    yes  a is 1 (AttestationPolicy)
    made  b = 1
  1:138  => issueproperty(type="omit_x5c", value=true)
    fired
    made  omit_x5c = true
`)
  })

  test('of joined conditions shows a claim that fits with all of them', () => {
    const text = authorizing('c:[type=="a"] && [type=="b", value==c.value] => permit();')
    const claims = [
      { type: 'a', value: 1 },
      { type: 'a', value: 2 },
      { type: 'b', value: 2 },
    ]
    expect(explained(text, claims).rules[0]?.conditions).toMatchObject([
      { outcome: 'holds', claimCount: 2 },
      { outcome: 'holds', claims: [{ value: 2 }] },
    ])
    expect(explained(text, claims.slice(0, 2)).rules[0]?.conditions).toMatchObject([
      { outcome: 'holds' },
      { outcome: 'fails' },
    ])
  })
})

test('conditions after one that fails are not reached', () => {
  const text = authorizing('[type=="a"] && [type=="b"] => permit();')
  expect(explained(text).rules[0]?.conditions.map(({ outcome }) => outcome)).toEqual([
    'fails',
    'unreached',
  ])
})

test('telling is given the steps of one evaluation, over all rules', () => {
  // What a condition compares with is worked out again to be told.
  const rule = '[type=="a", value==AppendString("x", "y")] => permit();'
  const policy = parsed(authorizing(rule.repeat(20), '1.2'))
  const claims = [{ type: 'a', value: 'z' }]
  const toldWith = (stepsMax: number): number | undefined => {
    const { verdict, rules } = explainPolicy(policy, claims, { stepsMax })
    return verdict === 'failed'
      ? undefined
      : rules.filter(({ conditions }) => conditions.length > 0).length
  }
  let stepsMax = 10
  while (toldWith(stepsMax) === undefined) stepsMax += 10
  expect(toldWith(stepsMax)).toBeLessThan(20)
  expect(toldWith(10 * stepsMax)).toBe(20)
})

test('long values are cut, many claims are counted, and nothing steers a terminal', () => {
  const claims: PolicyClaim[] = Array.from({ length: 30 }, () => ({
    type: 'a',
    value: `\u001b[31m${'x'.repeat(1000)}`,
  }))
  const explanation = explained(permitting('c:[type=="a"] => issue(claim=c);'), claims)
  const [, rule] = explanation.rules
  expect(rule?.conditions[0]).toMatchObject({ claimCount: 30 })
  expect(rule?.conditions[0]?.claims.length).toBe(16)
  expect(String(explanation.issued[0]?.value).length).toBeLessThan(140)
  const text = describeExplanation(explanation)
  expect(text).toContain('and 14 more')
  expect(text).not.toContain('\u001b')
})

test('an explanation decides as the evaluation does', () => {
  fc.assert(
    fc.property(policies, claimLists, (policy, claims) => {
      const result = evaluatePolicy(policy, claims, limits)
      const explanation = explainPolicy(policy, claims, limits)
      expect(explanation.verdict === 'permitted').toBe(result.ok)
      expect(explanation.problem).toEqual(result.ok ? undefined : result.problem)
      if (result.ok) expect(explanation.issued).toEqual(result.value)
      for (const { fired, conditions } of explanation.rules) {
        if (fired > 0) expect(conditions.every(({ outcome }) => outcome === 'holds')).toBe(true)
      }
      expect(describeExplanation(explanation)).toMatch(/\.\n/)
    }),
    { numRuns: 500 },
  )
})
