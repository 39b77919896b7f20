import { concat, utf8Of } from '@sealward/attestation/bytes'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { parseInferRequest } from './infer-request.ts'
import { floatBytes } from './tensors.ts'

const numbers = Array.from({ length: 4096 }, (_, index) => (index % 256) / 255)
const tensor = { name: 'image', datatype: 'FP32', shape: [1, 1, 64, 64] }

const jsonBody = (request: object): Uint8Array => utf8Of(JSON.stringify(request))
const inJson = (change: object = {}): Uint8Array =>
  jsonBody({ id: '42', inputs: [{ ...tensor, data: numbers, ...change }] })

function inBinary(
  options: { readonly size?: number; readonly raw?: Uint8Array; readonly more?: object } = {},
): { readonly body: Uint8Array; readonly length: string } {
  const { size = 16_384, raw = floatBytes(numbers), more = {} } = options
  const head = jsonBody({
    inputs: [{ ...tensor, parameters: { binary_data_size: size } }],
    ...more,
  })
  return { body: concat(head, raw), length: String(head.length) }
}

test('a flat tensor in JSON is read', () => {
  const parsed = parseInferRequest(inJson(), undefined)
  expect(parsed).toMatchObject({ ok: true, value: { id: '42' } })
  expect(parsed.ok && parsed.value.image).toEqual(Float32Array.from(numbers))
})

test('a nested tensor in JSON is the same tensor', () => {
  const rows = Array.from({ length: 64 }, (_, row) => numbers.slice(row * 64, row * 64 + 64))
  expect(parseInferRequest(inJson({ data: [[rows]] }), undefined)).toEqual(
    parseInferRequest(inJson(), undefined),
  )
})

test('a nested tensor of another shape is refused', () => {
  const rows = Array.from({ length: 32 }, () => numbers.slice(0, 128))
  expect(parseInferRequest(inJson({ data: [[rows]] }), undefined)).toMatchObject({
    problem: { code: 'tensor-size' },
  })
})

test('a raw tensor is the same tensor', () => {
  const { body, length } = inBinary()
  const parsed = parseInferRequest(body, length)
  expect(parsed.ok && parsed.value.image).toEqual(Float32Array.from(numbers))
})

test('outputs are raw where the request asks for it, one by one or all', () => {
  const { body, length } = inBinary({ more: { parameters: { binary_data_output: true } } })
  const all = parseInferRequest(body, length)
  expect(all.ok && all.value.outputs.map(({ binary }) => binary)).toEqual([true, true, true, true])
  const some = parseInferRequest(
    jsonBody({
      inputs: [{ ...tensor, data: numbers }],
      outputs: [{ name: 'logit', parameters: { binary_data: true } }, { name: 'gate' }],
    }),
    undefined,
  )
  expect(some.ok && some.value.outputs).toEqual([
    { name: 'logit', binary: true },
    { name: 'gate', binary: false },
  ])
})

test.each([
  ['another input', { name: 'picture' }, 'unknown-input'],
  ['another datatype', { datatype: 'FP16' }, 'unsupported-datatype'],
  ['a datatype that does not exist', { datatype: 'FLOAT' }, 'unsupported-datatype'],
  ['another shape', { shape: [1, 64, 64] }, 'wrong-shape'],
  ['two films', { shape: [2, 1, 64, 64] }, 'wrong-shape'],
  ['a number too few', { data: numbers.slice(1) }, 'tensor-size'],
  ['a number too many', { data: [...numbers, 0] }, 'tensor-too-large'],
  ['text among the numbers', { data: ['0', ...numbers.slice(1)] }, 'tensor-value'],
  ['a grey value above one', { data: [1.01, ...numbers.slice(1)] }, 'tensor-value'],
  ['a grey value below zero', { data: [-0.01, ...numbers.slice(1)] }, 'tensor-value'],
  ['no numbers', { data: undefined }, 'malformed-request'],
  ['a negative side', { shape: [-1, 1, 64, 64] }, 'malformed-request'],
])('%s is refused', (_, change, code) => {
  expect(parseInferRequest(inJson(change), undefined)).toMatchObject({
    ok: false,
    problem: { code },
  })
})

test('a raw tensor of one film is accepted, of one byte more refused by its size', () => {
  const fits = inBinary()
  expect(parseInferRequest(fits.body, fits.length).ok).toBe(true)
  const over = inBinary({ size: limits.tensorBytesMax + 1, raw: new Uint8Array(16_385) })
  expect(parseInferRequest(over.body, over.length)).toMatchObject({
    problem: { code: 'tensor-too-large' },
  })
})

test('a raw tensor that is cut or goes on is refused', () => {
  const cut = inBinary({ raw: new Uint8Array(16_383) })
  expect(parseInferRequest(cut.body, cut.length)).toMatchObject({
    problem: { code: 'tensor-size' },
  })
  const more = inBinary({ raw: new Uint8Array(16_385) })
  expect(parseInferRequest(more.body, more.length)).toMatchObject({
    problem: { code: 'trailing-bytes' },
  })
})

test('NaN and infinity in a raw tensor are refused', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const { body, length } = inBinary({ raw: floatBytes([value, ...numbers.slice(1)]) })
    expect(parseInferRequest(body, length)).toMatchObject({
      problem: { code: 'tensor-value', at: 'inputs[0].data[0]' },
    })
  }
})

test('a header length that is no length of the body is refused', () => {
  const { body } = inBinary()
  for (const length of ['-1', '1e3', '', '99999999', ' 12', '12, 12']) {
    expect(parseInferRequest(body, length)).toMatchObject({ problem: { code: 'header-length' } })
  }
})

test('an output that the model does not have is refused', () => {
  const request = { inputs: [{ ...tensor, data: numbers }], outputs: [{ name: 'diagnosis' }] }
  expect(parseInferRequest(jsonBody(request), undefined)).toMatchObject({
    problem: { code: 'unknown-output', at: 'outputs[0].name' },
  })
})

test('an id that could carry more than an id is refused', () => {
  for (const id of ['', 'a b', 'ä', 'x'.repeat(limits.idCharactersMax + 1)]) {
    expect(
      parseInferRequest(jsonBody({ id, inputs: [{ ...tensor, data: numbers }] }), undefined),
    ).toMatchObject({ problem: { code: 'malformed-request', at: 'id' } })
  }
  const longest = { id: 'x'.repeat(limits.idCharactersMax), inputs: [{ ...tensor, data: numbers }] }
  expect(parseInferRequest(jsonBody(longest), undefined).ok).toBe(true)
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 256 }), fc.option(fc.string()), (body, length) => {
      expect(parseInferRequest(body, length ?? undefined).ok).toBe(false)
    }),
  )
})

test('no JSON makes it throw', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      expect(parseInferRequest(utf8Of(json), undefined).ok).toBe(false)
    }),
  )
})
