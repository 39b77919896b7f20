import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonOf, ok, reading, utf8Of } from './index.ts'

const limits = { bytesMax: 200, depthMax: 3 }
const read = (text: string): unknown => jsonOf(utf8Of(text), limits)

describe('JSON text', () => {
  test('is read', () => {
    expect(read('{"a":[1,"\\"}{",{"a":null}]}')).toEqual(ok({ a: [1, '"}{', { a: null }] }))
  })

  test.each([
    [`"${'a'.repeat(198)}"`, true],
    [`"${'a'.repeat(199)}"`, false],
  ])('has at most as many bytes as allowed', (text, isRead) => {
    expect(read(text)).toMatchObject(
      isRead ? { ok: true } : { ok: false, problem: { code: 'json-too-large' } },
    )
  })

  test('nests at most as deep as allowed', () => {
    expect(read('[[[1]]]')).toMatchObject({ ok: true })
    expect(read('[[[[]]]]')).toMatchObject({ problem: { code: 'json-too-deep', at: '@0x3' } })
    expect(read('[[],[[]],{"a":[]}]')).toMatchObject({ ok: true })
  })

  test.each(['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '[{"b":{"a":"x","c":1,"a":[]}}]'])(
    'may not have a name twice in one object: %s',
    (text) => {
      expect(read(text)).toMatchObject({ problem: { code: 'json-duplicate-key' } })
    },
  )

  test('may have a name again in another object, and as a value', () => {
    expect(read('{"a":{"a":"a"},"b":["a","a"]}')).toMatchObject({ ok: true })
  })

  test.each(['', '{', "{'a':1}", '[1,]', 'NaN', '\ufeff{}', '{} {}', '"\\'])(
    '%j is none',
    (text) => {
      expect(read(text)).toMatchObject({ problem: { code: 'json-malformed' } })
    },
  )

  test('is UTF-8', () => {
    expect(jsonOf(Uint8Array.of(0x22, 0xff, 0x22), limits)).toMatchObject({
      problem: { code: 'json-not-utf8' },
    })
  })

  test('is what JSON.parse reads, when it is read at all', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value)
        const parsed = jsonOf(utf8Of(text), { bytesMax: 1_000_000, depthMax: 10 })
        expect(parsed).toEqual(ok(JSON.parse(text)))
      }),
    )
  })

  test('of hostile length is judged in time', () => {
    const hostile = [`"${'\\"'.repeat(500_000)}`, '"'.repeat(1_000_000), '[{"":'.repeat(200_000)]
    for (const text of hostile) {
      const started = performance.now()
      jsonOf(utf8Of(text), { bytesMax: 2_000_000, depthMax: 10 })
      expect(performance.now() - started).toBeLessThan(2000)
    }
  })
})

describe('JSON values', () => {
  const point = (value: unknown): unknown =>
    reading(value, 'p', (shape) =>
      shape.object('refused', (fields) => ({
        x: fields.required('x').integer(0, 9),
        name: fields.optional('name')?.string(3, /^[a-z]*$/),
        tags: fields.optional('tags')?.list(2, (tag) => tag.oneOf(['red', 'green'])),
      })),
    )

  test('of the asked shape are read', () => {
    expect(point({ x: 3, name: 'abc', tags: ['red'] })).toEqual(
      ok({ x: 3, name: 'abc', tags: ['red'] }),
    )
  })

  test.each([
    [{}, 'field-missing', 'p.x'],
    [{ x: 1, y: 2 }, 'field-unknown', 'p'],
    [{ x: '1' }, 'wrong-type', 'p.x'],
    [{ x: 1.5 }, 'wrong-type', 'p.x'],
    [{ x: 10 }, 'wrong-value', 'p.x'],
    [{ x: 1, name: 'abcd' }, 'too-long', 'p.name'],
    [{ x: 1, name: 'A' }, 'wrong-value', 'p.name'],
    [{ x: 1, name: null }, 'wrong-type', 'p.name'],
    [{ x: 1, tags: ['red', 'red', 'red'] }, 'too-many', 'p.tags'],
    [{ x: 1, tags: ['red', 'blue'] }, 'wrong-value', 'p.tags[1]'],
    [[], 'wrong-type', 'p'],
    [null, 'wrong-type', 'p'],
  ])('%j is refused', (value, code, at) => {
    expect(point(value)).toMatchObject({ ok: false, problem: { code, at } })
  })

  test('a field of the prototype is no field', () => {
    const hostile = reading(JSON.parse('{"__proto__":{"x":1}}'), '', (shape) =>
      shape.object('ignored', (fields) => fields.required('x').integer(0, 9)),
    )
    expect(hostile).toMatchObject({ problem: { code: 'field-missing' } })
    const inherited = reading({}, '', (shape) =>
      shape.object('ignored', (fields) => fields.optional('toString')),
    )
    expect(inherited).toEqual(ok(undefined))
  })
})
