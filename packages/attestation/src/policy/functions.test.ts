import { describe, expect, test } from 'vitest'
import { evaluatePolicy, type PolicyClaim, policyLimits } from './index.ts'
import { limits, outcome, parsed, permitting } from './policy.fixtures.ts'

const issued = (value: string, claims: readonly PolicyClaim[] = [], conditions = ''): unknown => {
  const rule = `${conditions} => issue(type="r", value=${value});`
  const result = outcome(permitting(rule, '1.2'), claims)
  return typeof result === 'string' ? result : result.map((claim) => claim.value)
}
const claims = (type: string, ...values: readonly PolicyClaim['value'][]): readonly PolicyClaim[] =>
  values.map((value) => ({ type, value }))

describe('JmesPath', () => {
  test('gives the JSON text of what it finds', () => {
    expect(issued(String.raw`JmesPath("{\"foo\": \"bar\"}", "foo")`)).toEqual(['"bar"'])
    expect(issued(String.raw`JmesPath("{\"values\": [0,1,2,3,4]}", "values[2]")`)).toEqual(['2'])
    expect(issued('JmesPath("{}", "foo")')).toEqual(['null'])
  })

  test('reads a claim that is the text of an object, and a query that is a claim', () => {
    const both = [...claims('json', '{"values": [0, 1, 2]}'), ...claims('query', 'values[2]')]
    expect(
      issued('JmesPath(c.value, q.value)', both, 'c:[type=="json"] && q:[type=="query"]'),
    ).toEqual(['2'])
  })

  test.each([
    ['policy-argument', 'JmesPath("", "a")'],
    ['policy-argument', 'JmesPath("abc", "a")'],
    ['policy-argument', 'JmesPath(1, "a")'],
    ['policy-argument', 'JmesPath("{}", true)'],
    ['policy-argument', `JmesPath("${'['.repeat(33)}${']'.repeat(33)}", "a")`],
    ['policy-query', 'JmesPath("{}", "")'],
    ['policy-query', 'JmesPath("{}", "a..b")'],
    ['policy-query', `JmesPath("{}", "${'a.'.repeat(2000)}a.a.a.a.aaaaaa")`],
  ])('%s: %s', (code, call) => {
    expect(issued(call)).toBe(code)
  })
})

describe('JsonToClaimValue', () => {
  test.each([
    ['100', [100]],
    ['1e2', [100]],
    ['-0', [0]],
    ['true', [true]],
    [String.raw`\"abc\"`, ['abc']],
    [String.raw`[0, \"abc\", true, null, 0]`, [0, 'abc', true, 0]],
    ['[]', []],
    ['null', []],
  ])('of %s makes %j', (json, values) => {
    expect(issued(`JsonToClaimValue("${json}")`)).toEqual(values)
  })

  test.each(['1.5', '9007199254740993', '{}', '[1.5]', '[[]]', '[{}]', 'abc', ''])(
    'of %s is an error',
    (json) => {
      expect(issued(`JsonToClaimValue("${json}")`)).toBe('policy-argument')
    },
  )

  test('of null, as of an empty list, adds nothing', () => {
    const text = permitting(
      '=> add(type="a", value=JsonToClaimValue("null")); ![type=="a"] => issue(type="none", value=true);',
      '1.2',
    )
    expect(outcome(text)).toEqual([{ type: 'none', value: true }])
  })

  test('makes a set of several kinds, each of which a condition can name', () => {
    const text = (value: string): string =>
      permitting(
        String.raw`=> add(type="a", value=JsonToClaimValue("[0, \"abc\", true]")); [type=="a", value==${value}] => issue(type="found", value=true);`,
        '1.2',
      )
    const found = [{ type: 'found', value: true }]
    for (const value of ['0', '"abc"', 'true']) expect(outcome(text(value))).toEqual(found)
    expect(outcome(text('false'))).toEqual([])
  })

  test('makes no set that slips past a comparison because of its kind', () => {
    const text = permitting(
      String.raw`=> add(type="debug", value=JsonToClaimValue("\"true\"")); [type=="debug", value==true] => issue(type="debug", value=true);`,
      '1.2',
    )
    expect(outcome(text)).toBe('policy-type-mismatch')
  })
})

describe('sets', () => {
  const subset = [...claims('Subset', 'abc', 100), ...claims('Superset', true, 'abc', 100)]
  const both = 'c1:[type=="Subset"] && c2:[type=="Superset"]'

  test('IsSubsetOf compares all claims that two names stand for', () => {
    expect(issued('IsSubsetOf(c1.value, c2.value)', subset, both)).toEqual([true])
    expect(issued('IsSubsetOf(c2.value, c1.value)', subset, both)).toEqual([false])
    expect(issued('IsSubsetOf(JsonToClaimValue("[]"), c2.value)', subset, both)).toEqual([true])
    // Of another kind is another value.
    expect(issued('IsSubsetOf("100", c1.value)', subset, both)).toEqual([false])
  })

  test('ContainsOnlyValue: the set is not empty, and holds nothing else', () => {
    const one = 'c:[type=="Set"]'
    expect(issued('ContainsOnlyValue(c.value, 100)', claims('Set', 100, 101), one)).toEqual([false])
    expect(issued('ContainsOnlyValue(c.value, 100)', claims('Set', 100, 100), one)).toEqual([true])
    expect(issued('ContainsOnlyValue(JsonToClaimValue("[]"), 1)')).toEqual([false])
    expect(issued('ContainsOnlyValue(1, JsonToClaimValue("[1, 1]"))')).toBe('policy-argument')
  })

  test('a name inside a function stands for the claims that fit with all conditions', () => {
    const joined = [...claims('a', 1, 2, 3), ...claims('b', 2, 3, 4)]
    expect(
      issued(
        'IsSubsetOf(c.value, JsonToClaimValue("[2, 3]"))',
        joined,
        'c:[type=="a"] && [type=="b", value==c.value]',
      ),
    ).toEqual([true])
  })

  test('a function that takes one value refuses a set of two', () => {
    expect(issued('NegateBool(c.value)', claims('a', true, false), 'c:[type=="a"]')).toBe(
      'policy-argument',
    )
  })

  test('an issued set is a claim for each value', () => {
    const text = permitting('=> issue(type="r", value=JsonToClaimValue("[1, true]"));', '1.2')
    expect(outcome(text)).toEqual([
      { type: 'r', value: 1 },
      { type: 'r', value: true },
    ])
  })
})

describe('AppendString and NegateBool', () => {
  test('append, and negate', () => {
    expect(issued('AppendString("abc", "xyz")')).toEqual(['abcxyz'])
    expect(issued('AppendString("", "")')).toEqual([''])
    expect(issued('NegateBool(true)')).toEqual([false])
    expect(issued('AppendString("a", 1)')).toBe('policy-argument')
    expect(issued('NegateBool("true")')).toBe('policy-argument')
  })

  test('text grows up to its limit', () => {
    // Each rule doubles what the one before made.
    const rules = Array.from(
      { length: 40 },
      (_, index) =>
        `c:[type=="t${index}"] => add(type="t${index + 1}", value=AppendString(c.value, c.value));`,
    )
    const text = permitting(`=> add(type="t0", value="0123456789abcdef");${rules.join('')}`, '1.2')
    expect(outcome(text)).toBe('policy-value-too-long')
  })
})

describe('in a condition', () => {
  const text = permitting(
    'c:[type=="json"] && [type=="level", value==JsonToClaimValue(JmesPath(c.value, "level"))] => issue(type="same", value=true);',
    '1.2',
  )
  const level = claims('level', 2)

  test('a function is one value to compare with', () => {
    expect(outcome(text, [...level, ...claims('json', '{"level": 2}')])).toEqual([
      { type: 'same', value: true },
    ])
    expect(outcome(text, [...level, ...claims('json', '{"level": 3}')])).toEqual([])
  })

  test('no value, and two, are an error', () => {
    expect(outcome(text, [...level, ...claims('json', '{}')])).toBe('policy-argument')
    expect(outcome(text, [...level, ...claims('json', '{"level": [2, 2]}')])).toBe(
      'policy-argument',
    )
  })
})

describe('every function takes steps', () => {
  const stopped = (value: string, given: readonly PolicyClaim[] = [], conditions = ''): unknown => {
    const policy = parsed(permitting(`${conditions} => issue(type="r", value=${value});`, '1.2'))
    const result = evaluatePolicy(policy, given, limits)
    return result.ok || result.problem.code
  }

  test.each([
    ['lists that double', `@${' | [@, @][]'.repeat(60)}`],
    ['values that share their parts', `[@, @]${' | [@, @]'.repeat(120)}`],
    ['text that doubles', `'x'${" | join('', [@, @])".repeat(60)}`],
    ['text of values that share their parts', `[@, @]${' | [@, @]'.repeat(100)} | to_string(@)`],
    ['comparisons of them', `[@, @]${' | [@, @]'.repeat(60)} | [@ == [@[0], @[1]]]`],
  ])('%s', (_, query) => {
    const started = performance.now()
    expect(stopped(`JmesPath("[1]", "${query}")`)).toMatch(
      /^policy-(?:steps|value-too-long|query)$/,
    )
    expect(performance.now() - started).toBeLessThan(2000)
  })

  const names = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`n${index}`, 0]))
  const copies = `[${Array(20).fill('@').join()}][]`

  test.each([
    ['whether an object has any name', '!@'],
    ['whether an object is any other', '@ == `{}`'],
    ['whether any other is an object', '`{}` == @'],
    ['what else there is where an object has no name', '@ && a'],
  ])('%s costs by its names', (_, query) => {
    const all = `JmesPath(c.value, "${copies}.[${Array(10).fill(query).join()}] | length(@)")`
    const few = claims('j', '{"n0": 0}')
    expect(stopped(all, few, 'c:[type=="j"]')).toBe(true)
    const many = claims('j', JSON.stringify(names))
    expect(stopped(all, many, 'c:[type=="j"]')).toBe('policy-steps')
  })

  test('text that is compared in sets costs by its length', () => {
    const text = 'x'.repeat(300_000)
    const given = [...claims('a', text), ...claims('b', text)]
    const conditions = 'a:[type=="a"] && b:[type=="b"]'
    for (const name of ['IsSubsetOf', 'ContainsOnlyValue']) {
      const call = `${name}(a.value, b.value)`
      const rules = `${conditions} => issue(type="r", value=${call});`.repeat(20)
      expect(stopped(call, given, conditions)).toBe(true)
      expect(outcome(permitting(rules, '1.2'), given)).toBe('policy-steps')
    }
  })

  test('a query costs by its length, and is read once', () => {
    const query = `${'('.repeat(1900)}a${')'.repeat(1900)}`
    const rules = `=> add(type="r", value=JmesPath("{}", "${query}"));`.repeat(10)
    const within = (stepsMax: number): unknown => {
      const result = evaluatePolicy(parsed(permitting(rules, '1.2')), [], { stepsMax })
      return result.ok || result.problem.code
    }
    expect(within(900)).toBe('policy-steps')
    expect(within(2000)).toBe(true)
  })

  test('a claim of much JSON costs by its length, and is read once', () => {
    const json = JSON.stringify({ list: 'x'.repeat(policyLimits.valueCharactersMax - 20) })
    expect(stopped('JmesPath(c.value, "a")', claims('j', json), 'c:[type=="j"]')).toBe(true)
    expect(
      stopped('JmesPath(c.value, "a")', claims('j', `${json}${' '.repeat(20)}`), 'c:[type=="j"]'),
    ).toBe('policy-value-too-long')
    const policy = parsed(
      permitting('c:[type=="j"] => add(type="r", value=JmesPath(c.value, "a"));'.repeat(20), '1.2'),
    )
    expect(evaluatePolicy(policy, claims('j', json), { stepsMax: 20_000 })).toMatchObject({
      ok: true,
    })
    expect(evaluatePolicy(policy, claims('j', json), { stepsMax: 10_000 })).toMatchObject({
      ok: false,
      problem: { code: 'policy-steps' },
    })
  })
})
