import { search } from '@jmespath-community/jmespath'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { queryProblem, searched } from './json-query.ts'
import type { JsonValue } from './json-value.ts'
import { policyLimits } from './limits.ts'
import { createMeter, Refused } from './meter.ts'

function found(json: unknown, text: string): unknown {
  const problem = queryProblem(text)
  if (typeof problem === 'string') return `no query: ${problem}`
  try {
    return searched(problem.query, json as JsonValue, createMeter(policyLimits.stepsMax))
  } catch (error) {
    if (error instanceof Refused) return error.problem.code
    throw error
  }
}

const people = {
  people: [
    { name: 'a', age: 30, tags: ['x', 'y'] },
    { name: 'b', age: 50, tags: [] },
    { name: 'c', age: 40 },
  ],
  foo: { bar: 1, baz: { deep: true } },
}

test.each<readonly [string, unknown]>([
  ['foo.bar', 1],
  ['"foo"."bar"', 1],
  ['foo.missing.more', null],
  ['people[0].name', 'a'],
  ['people[-1].name', 'c'],
  ['people[9]', null],
  ['people[*].name', ['a', 'b', 'c']],
  ['people[*].tags', [['x', 'y'], []]],
  ['people[*].tags[]', ['x', 'y']],
  ['people[].tags[]', ['x', 'y']],
  ['people[1:].name', ['b', 'c']],
  ['people[::-1].name', ['c', 'b', 'a']],
  ['people[:1:-1].name', ['c']],
  ['people[?age > `35`].name', ['b', 'c']],
  ["people[?name == 'a' || age == `50`].name", ['a', 'b']],
  ['people[?tags && !(age == `30`)].name', []],
  ['people[?name > `1`]', []],
  ['foo.*', [1, { deep: true }]],
  ['foo.*.deep', [true]],
  ['people[0].[name, age]', ['a', 30]],
  ['people[0].{n: name, "old": age}', { n: 'a', old: 30 }],
  ['missing.[name]', null],
  ['missing.{n: name}', null],
  ['people | [0].name', 'a'],
  ['people[*].name | [1]', 'b'],
  ['@.foo.bar', 1],
  ['`{"a": [1, 2]}`.a[1]', 2],
  ["'\\'quoted\\''", "'quoted'"],
  ['foo == `{"baz": {"deep": true}, "bar": 1}`', true],
  ['foo != foo', false],
  ['length(people)', 3],
  ["length('äöü')", 3],
  ['length(foo)', 2],
  ['length(`1`)', 'policy-query'],
  ['people[*].age | max(@)', 50],
  ['people[*].age | [min(@), sum(@), avg(@)]', [30, 120, 40]],
  ['[max(`[]`), min(`[]`), avg(`[]`), sum(`[]`)]', [null, null, null, 0]],
  ['max_by(people, &age).name', 'b'],
  ['min_by(people, &age).name', 'a'],
  ['sort_by(people, &age)[].name', ['a', 'c', 'b']],
  ['sort_by(people, &tags)', 'policy-query'],
  ['sort(`[10, 9, 1]`)', [1, 9, 10]],
  ['sort(`["b", "a", "\\ud83d\\ude00", "\\uffff"]`)', ['a', 'b', '\uffff', '😀']],
  ['sort(`[1, "a"]`)', 'policy-query'],
  ['map(&name, people)', ['a', 'b', 'c']],
  ['map(&tags, people)', [['x', 'y'], [], null]],
  ['map(name, people)', 'policy-query'],
  ['abs(`-1`)', 1],
  ['[ceil(`1.2`), floor(`1.8`)]', [2, 1]],
  [
    "[contains('foobar', 'oba'), contains(`[1, [2]]`, `[2]`), contains('a', `1`)]",
    [true, true, false],
  ],
  [
    "[starts_with('foobar', 'foo'), ends_with('foobar', 'bar'), ends_with('a', 'aa')]",
    [true, true, false],
  ],
  ["equals_ignore_case('\\\\Windows\\\\X.SYS', '\\\\windows\\\\x.sys')", true],
  ["equals_ignore_case('a', 'b')", false],
  ["join('-', people[].name)", 'a-b-c'],
  ['keys(foo)', ['bar', 'baz']],
  ['values(foo)', [1, { deep: true }]],
  ['merge(`{"a": 1}`, `{"a": 2, "b": 3}`)', { a: 2, b: 3 }],
  ['not_null(missing, foo.bar)', 1],
  ['not_null(missing)', null],
  ["[reverse('abc'), reverse(`[1, 2]`)]", ['cba', [2, 1]]],
  ['[to_array(`1`), to_array(`[1]`)]', [[1], [1]]],
  [
    "[to_number('1.5'), to_number('x'), to_number(`2`), to_number(`true`), to_number('')]",
    [1.5, null, 2, null, null],
  ],
  ['[to_string(`{"a": 1}`), to_string(\'a\')]', ['{"a":1}', 'a']],
  [
    "[type(`1`), type('a'), type(`true`), type(`null`), type(`[]`), type(`{}`)]",
    ['number', 'string', 'boolean', 'null', 'array', 'object'],
  ],
  ['abs(`1`, `2`)', 'policy-query'],
  ['abs()', 'policy-query'],
  ['&foo', 'policy-query'],
  ['people[::0]', 'policy-query'],
])('%s', (query, result) => {
  expect(found(people, query)).toEqual(result)
})

describe('what strangers write is data', () => {
  test('no name finds what JavaScript’s objects inherit', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      expect(found({}, name)).toBe(null)
      expect(found({}, `${name}(@)`)).toMatch(/^no query/)
      expect(found([], `[*].${name}`)).toEqual([])
    }
    const json = JSON.parse('{"__proto__": {"a": 1}}') as unknown
    expect(found(json, '__proto__.a')).toBe(1)
    expect(found(json, '{"__proto__": __proto__} | keys(@)')).toEqual(['__proto__'])
    expect(found(json, 'merge(@, `{"b": 1}`) | keys(@)')).toEqual(['__proto__', 'b'])
  })

  test('no object is an expression', () => {
    const disguised = { expref: true, type: 'Literal', value: 'believed' }
    expect(found(disguised, 'map(@, `[1]`)')).toBe('policy-query')
    expect(found(disguised, 'type(@)')).toBe('object')
  })

  test('no two numbers are the same because both were rounded', () => {
    const json = JSON.parse('{"a": 9007199254740993, "b": 9007199254740992}') as unknown
    expect(found(json, 'a == b')).toBe('policy-query')
    expect(found(json, 'max([a, b])')).toBe('policy-query')
    // What is not looked at does no harm.
    expect(found({ ...(json as object), c: 1 }, 'c')).toBe(1)
  })
})

describe('no query', () => {
  test.each([
    '',
    '  ',
    'a..b',
    'a[',
    'a]',
    'foo bar',
    'unknown(@)',
    'pad_left(@, `9`)',
    'let $a = @ in $a',
    '$',
    '$a',
    'a + b',
    '-a',
    'a ? b : c',
    '`nonsense`',
    '`{"a": 1, "a": 2}`',
    '`{`',
    '"open',
    "'open",
    '`open',
    '"a\nb"',
    '!'.repeat(200),
    '['.repeat(4096),
    `a${'.a'.repeat(2048)}`,
  ])('%s', (text) => {
    expect(queryProblem(text)).toEqual(expect.any(String))
  })
})

test('no query over any JSON throws, or takes longer than its steps', () => {
  const fragment = fc.constantFrom(
    ...'a b . [*] [] [0] [?a] [?@ == `1`] | || && ! == > [a, b] {a: b} @ * & length( sort_by( map( to_string( ) , `[1,2]` \'x\' "a" [::-1] $ + let'.split(
      ' ',
    ),
  )
  fc.assert(
    fc.property(
      fc.array(fragment, { maxLength: 12 }),
      fc.jsonValue({ maxDepth: 3 }),
      (parts, json) => {
        found(json, parts.join(' '))
        found({ a: json, b: [json, json] }, parts.join(''))
      },
    ),
    { numRuns: 2000 },
  )
})

test('over plain JSON, queries find what the library’s own interpreter finds', () => {
  // Left out is what its dialect has changed: slices of text, and selections of nothing.
  const fragment = fc.constantFrom(
    ...'a b . .* .a [*] [] [0] [-1] [?a] [?@==`1`] | || && ! == > < * length(@) keys(@) type(@) to_string(@) max(@) reverse(@) sort_by(@,&a) map(&a,@) `[1,2]` `1` \'x\' "a" @ ( )'.split(
      ' ',
    ),
  )
  const { json } = fc.letrec<{ json: fc.JsonValue }>((tie) => ({
    json: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(0, 1, 2, 'x', '', true, null),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('json'), { maxKeys: 3 }),
    ),
  }))
  let compared = 0
  fc.assert(
    fc.property(fc.array(fragment, { minLength: 1, maxLength: 6 }), json, (parts, data) => {
      const query = parts.join('')
      // After a dot, brackets select.
      if (query.includes('.[*]')) return
      const own = found(data, query)
      if (typeof own === 'string' && own.startsWith('no query')) return
      compared++
      expect(own).toEqual(foundByLibrary(data, query))
    }),
    { numRuns: 20_000 },
  )
  expect(compared).toBeGreaterThan(1000)
})

function foundByLibrary(data: unknown, query: string): unknown {
  try {
    return search(data as Parameters<typeof search>[0], query)
  } catch {
    return 'policy-query'
  }
}
