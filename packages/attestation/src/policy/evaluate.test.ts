import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { claimLists, policies, rules } from './arbitrary-policy.fixtures.ts'
import { evaluatePolicy, type Policy, type PolicyClaim, policyLimits } from './index.ts'
import { authorizing, limits, outcome, parsed, permitting } from './policy.fixtures.ts'

describe('authorization', () => {
  test('a policy without a permit refuses', () => {
    expect(outcome(authorizing(''))).toBe('not-permitted')
  })

  test('a permit lets in', () => {
    expect(outcome(authorizing('=> permit();'))).toEqual([])
  })

  test('one deny defeats every permit, before it and after it', () => {
    expect(outcome(authorizing('=> permit(); => deny();'))).toBe('denied')
    expect(outcome(authorizing('=> deny(); => permit();'))).toBe('denied')
  })

  test('a deny whose condition fails does nothing', () => {
    expect(outcome(authorizing('=> permit(); [type=="a"] => deny();'))).toEqual([])
  })

  test('all conditions of a rule must hold', () => {
    const text = authorizing('[type=="a", value==1] && [type=="b", value==2] => permit();')
    const a = { type: 'a', value: 1 }
    expect(outcome(text, [a])).toBe('not-permitted')
    expect(outcome(text, [a, { type: 'b', value: 3 }])).toBe('not-permitted')
    expect(outcome(text, [a, { type: 'b', value: 2 }])).toEqual([])
  })

  test('all comparisons of a condition must hold for one and the same claim', () => {
    const text = authorizing('[type=="a", value==2] => permit();')
    const claims = [
      { type: 'a', value: 1 },
      { type: 'b', value: 2 },
    ]
    expect(outcome(text, claims)).toBe('not-permitted')
  })

  test('integers have an order', () => {
    const claims = [{ type: 'svn', value: 3 }]
    const lets = (comparison: string): boolean =>
      Array.isArray(outcome(authorizing(`[type=="svn", value${comparison}] => permit();`), claims))
    expect(['==3', '!=2', '<4', '<=3', '>2', '>=3', '>= -1'].map(lets)).not.toContain(false)
    expect(['==2', '!=3', '<3', '<=2', '>3', '>=4'].map(lets)).not.toContain(true)
  })

  test('a text is not the boolean or the integer that it spells', () => {
    const debug = authorizing('[type=="debug", value==false] => permit();')
    expect(outcome(debug, [{ type: 'debug', value: 'false' }])).toBe('policy-type-mismatch')
    const denies = authorizing('=> permit(); [type=="svn", value<5] => deny();')
    expect(outcome(denies, [{ type: 'svn', value: '3' }])).toBe('policy-type-mismatch')
  })

  test('the issuer tells apart what the client said from what the evidence says', () => {
    const text = authorizing('[type=="a", issuer=="AttestationService"] => permit();')
    expect(outcome(text, [{ type: 'a', value: 1, issuer: 'CustomClaim' }])).toBe('not-permitted')
    expect(outcome(text, [{ type: 'a', value: 1 }])).toEqual([])
  })

  test('what a rule adds is seen by later rules, as the policy’s own', () => {
    const text = authorizing(
      '=> add(type="a", value=1); [type=="a", issuer=="AttestationPolicy"] => permit();',
    )
    expect(outcome(text)).toEqual([])
    const earlier = authorizing('[type=="a"] => permit(); => add(type="a", value=1);')
    expect(outcome(earlier)).toBe('not-permitted')
  })

  test('a later condition may compare with an earlier one’s claim', () => {
    const text = authorizing('c:[type=="a"] && [type=="b", value==c.value] => permit();')
    const claims = (b: number): PolicyClaim[] => [
      { type: 'a', value: 1 },
      { type: 'a', value: 2 },
      { type: 'b', value: b },
    ]
    expect(outcome(text, claims(2))).toEqual([])
    expect(outcome(text, claims(3))).toBe('not-permitted')
  })
})

describe('issuance', () => {
  test('issue makes a claim with a literal or a bound value', () => {
    const text = permitting(
      '=> issue(type="level", value=100); c:[type=="a"] => issue(type="b", value=c.value);',
    )
    expect(outcome(text, [{ type: 'a', value: 'x' }])).toEqual([
      { type: 'level', value: 100 },
      { type: 'b', value: 'x' },
    ])
  })

  test('issue(claim=c) copies', () => {
    expect(
      outcome(permitting('c:[type=="a"] => issue(claim=c);'), [{ type: 'a', value: 7 }]),
    ).toEqual([{ type: 'a', value: 7 }])
  })

  test('a rule fires once for each claim its action’s name can stand for, and only once without one', () => {
    const claims = [
      { type: 'a', value: 1 },
      { type: 'a', value: 2 },
    ]
    expect(outcome(permitting('c:[type=="a"] => issue(type="b", value=c.value);'), claims)).toEqual(
      [
        { type: 'b', value: 1 },
        { type: 'b', value: 2 },
      ],
    )
    expect(outcome(permitting('c:[type=="a"] => issue(type="b", value=true);'), claims)).toEqual([
      { type: 'b', value: true },
    ])
  })

  test('add is not issued, and is seen by later issuance rules', () => {
    const text = permitting(
      '=> add(type="a", value=1); c:[type=="a"] => issue(type="b", value=c.value);',
    )
    expect(outcome(text)).toEqual([{ type: 'b', value: 1 }])
  })

  test('nothing is issued by a policy that refuses', () => {
    const text = 'version=1.0; authorizationrules{}; issuancerules{=> issue(type="a", value=1);};'
    expect(outcome(text)).toBe('not-permitted')
  })
})

describe('limits', () => {
  test('evaluation ends at its step limit', () => {
    const many = Array.from({ length: 40 }, (_, value) => ({ type: 'a', value }))
    const joined = Array.from(
      { length: 12 },
      (_, index) => `c${index + 1}:[type=="a", value!=c${index}.value]`,
    )
    const text = authorizing(
      `c0:[type=="a"] && ${joined.join(' && ')} && [type=="z", value==c12.value] => permit();`,
    )
    const started = performance.now()
    const result = evaluatePolicy(parsed(text), many, limits)
    expect(result).toMatchObject({ ok: false, problem: { code: 'policy-steps', at: '1:33' } })
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test('a rule whose action names no claim looks no further than the first way to fire', () => {
    const many = Array.from({ length: 100 }, () => ({ type: 'a', value: 1 }))
    const text = authorizing('[type=="a"] && [type=="a"] && [type=="a"] => permit();')
    expect(evaluatePolicy(parsed(text), many, { stepsMax: 350 })).toMatchObject({ ok: true })
  })

  test('what is issued is bounded, however often it is copied', () => {
    const copying = (times: number): string =>
      permitting('c:[type=="a"] => issue(claim=c);'.repeat(times))
    const halfOfAll = policyLimits.issuedCharactersMax / 2
    // Each copy is in play, too: of the second rule, one claim becomes two more.
    const fits = [{ type: 'a', value: 'x'.repeat(halfOfAll / 2 - 1) }]
    expect(outcome(copying(2), fits)).toHaveLength(3)
    expect(outcome(copying(1), [{ type: 'a', value: 'x'.repeat(2 * halfOfAll - 1) }])).toHaveLength(
      1,
    )
    expect(outcome(copying(1), [{ type: 'a', value: 'x'.repeat(2 * halfOfAll) }])).toBe(
      'policy-value-too-long',
    )
    expect(outcome(copying(3), fits)).toBe('policy-value-too-long')
  })

  test('each way to fire costs by the names that are bound in it', () => {
    const many = Array.from({ length: 20 }, (_, index) => ({ type: 'a', value: `a${index}` }))
    const firing = (names: number): unknown => {
      const bound = Array.from({ length: names }, (_, index) => `n${index}:[type=="z"] && `)
      const text = authorizing(
        `${bound.join('')}a:[type=="a"] && b:[type=="a"] => add(type=a.value, value=b.value); => permit();`,
      )
      const claims = [...many, { type: 'z', value: 1 }]
      const result = evaluatePolicy(parsed(text), claims, { stepsMax: 3000 })
      return result.ok || result.problem.code
    }
    expect(firing(0)).toBe(true)
    expect(firing(14)).toBe('policy-steps')
  })

  test('a claim too many is refused, the last that fits is not', () => {
    const claims = (count: number): PolicyClaim[] =>
      Array.from({ length: count }, (_, value) => ({ type: 'a', value }))
    const text = permitting('=> issue(type="b", value=1);')
    expect(outcome(text, claims(policyLimits.claimsMax - 1))).toEqual([{ type: 'b', value: 1 }])
    expect(outcome(text, claims(policyLimits.claimsMax))).toBe('policy-too-many-claims')
  })
})

test('the claims’ order changes nothing: one of the wrong kind is seen behind one that fits', () => {
  const text = authorizing('[type=="debug", value==false] => permit();')
  const claims: PolicyClaim[] = [
    { type: 'debug', value: false },
    { type: 'debug', value: 'no' },
  ]
  expect(outcome(text, claims)).toBe('policy-type-mismatch')
  expect(outcome(text, claims.toReversed())).toBe('policy-type-mismatch')
})

describe('negated conditions', () => {
  const text = authorizing('![type=="a", value==1] => permit();', '1.2')

  test('hold when no claim satisfies them', () => {
    expect(outcome(text)).toEqual([])
    expect(outcome(text, [{ type: 'a', value: 2 }])).toEqual([])
    expect(outcome(text, [{ type: 'a', value: 1 }])).toBe('not-permitted')
  })

  test('do not hold over a claim of another kind: evaluation fails', () => {
    expect(outcome(text, [{ type: 'a', value: '1' }])).toBe('policy-type-mismatch')
  })

  test('may refer to what was bound before', () => {
    const joined = permitting(
      'c:[type=="a"] && ![type=="b", value==c.value] => issue(type="alone", value=c.value);',
      '1.2',
    )
    const claims = [
      { type: 'a', value: 1 },
      { type: 'a', value: 2 },
      { type: 'b', value: 2 },
    ]
    expect(outcome(joined, claims)).toEqual([{ type: 'alone', value: 1 }])
  })

  test('are how a policy says what is so when nothing else was found', () => {
    const fallback = permitting(
      'c:[type=="a"] => issue(type="x", value=c.value); ![type=="x", issuer=="AttestationPolicy"] => issue(type="x", value=false);',
      '1.2',
    )
    expect(outcome(fallback, [{ type: 'a', value: true }])).toEqual([{ type: 'x', value: true }])
    expect(outcome(fallback)).toEqual([{ type: 'x', value: false }])
    // What a client says under that name is not what the policy made.
    expect(outcome(fallback, [{ type: 'x', value: true, issuer: 'CustomClaim' }])).toEqual([
      { type: 'x', value: false },
    ])
  })
})

test('the refusal of a policy names the rule that denies', () => {
  const text = 'version=1.0;\nauthorizationrules{\n  => permit();\n  => deny();\n};'
  expect(evaluatePolicy(parsed(text), [], limits)).toMatchObject({
    ok: false,
    problem: { code: 'denied', at: '4:3' },
  })
})

describe('for every policy and all claims', () => {
  const property = fc.property(
    policies,
    claimLists,
    fc.nat(),
    rules('authorizationrules'),
    (policy, claims, place, rule) => {
      const at = place % (policy.authorization.length + 1)
      const deny = (conditions: typeof rule.conditions): Policy => ({
        ...policy,
        authorization: policy.authorization.toSpliced(at, 0, {
          ...rule,
          conditions,
          action: { kind: 'deny' },
        }),
      })
      const before = evaluatePolicy(policy, claims, limits)
      const after = evaluatePolicy(deny(rule.conditions), claims, limits)
      // A reason more to refuse never lets in.
      if (!before.ok) expect(after.ok).toBe(false)
      expect(evaluatePolicy(deny([]), claims, limits).ok).toBe(false)
      // The same again, and no more than its steps.
      expect(evaluatePolicy(policy, claims, limits)).toEqual(before)
      const small = evaluatePolicy(policy, claims, { stepsMax: 10 })
      if (!small.ok) return
      expect(small).toEqual(before)
    },
  )

  test('evaluation ends without throwing, and a deny more never permits', () => {
    fc.assert(property, { numRuns: 1000 })
  })
})
