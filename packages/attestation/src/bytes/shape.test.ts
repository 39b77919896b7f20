import { expect, test } from 'vitest'
import { reading, type Shape } from './shape.ts'

test('the kind of a value is what JSON calls it', () => {
  const kinds = ['text', 1, true, null, [], {}].map((value) =>
    reading(value, '', (shape) => shape.kind),
  )
  expect(kinds.map((kind) => kind.ok && kind.value)).toEqual([
    'text',
    'number',
    'boolean',
    'null',
    'list',
    'object',
  ])
})

test('a record is read whatever its names are, and no path repeats one', () => {
  const read = (value: unknown, countMax = 2) =>
    reading(value, 'tags', (shape: Shape) => shape.record(countMax, (item) => item.string(3)))
  expect(read(JSON.parse('{"__proto__": "a", "b": "c"}'))).toEqual({
    ok: true,
    value: new Map([
      ['__proto__', 'a'],
      ['b', 'c'],
    ]),
  })
  expect(read({ a: '', b: 'long' })).toMatchObject({
    ok: false,
    problem: { code: 'too-long', at: 'tags[1]' },
  })
  expect(read({ a: '', b: '', c: '' })).toMatchObject({ problem: { code: 'too-many' } })
  expect(read([])).toMatchObject({ problem: { code: 'wrong-type' } })
})
