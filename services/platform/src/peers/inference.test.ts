import { utf8Of } from '@sealward/attestation/bytes'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inferenceAnswerBytesMax } from '../limits.ts'
import { floatBytes, floatsOf, parseInference, printInference, refusalCode } from './inference.ts'

const map = Array.from({ length: 64 }, (_, index) => (index % 2 === 0 ? 1 : 3))
const tensors: Readonly<Record<string, readonly number[]>> = {
  probability: [0.75],
  logit: [2],
  evidence_map: map,
  gate: [0.5],
}

function answer(
  changes: Readonly<Record<string, readonly number[]>> = {},
  head: object = {},
): { readonly length: string; readonly body: Uint8Array } {
  const given = Object.entries({ ...tensors, ...changes })
  const json = utf8Of(
    JSON.stringify({
      id: 'r1',
      parameters: { statement: 'a.b.c' },
      outputs: given.map(([name, values]) => ({
        name,
        datatype: 'FP32',
        shape: [1, values.length],
        parameters: { binary_data_size: values.length * 4 },
      })),
      ...head,
    }),
  )
  const raw = given.map(([, values]) => floatBytes(values))
  return { length: String(json.length), body: Buffer.concat([json, ...raw]) }
}

test('an answer in binary is read, and what the statement covers comes in its order', () => {
  const { body, length } = answer()
  const parsed = parseInference('r1', length, body)
  expect(parsed).toMatchObject({ ok: true, value: { probability: 0.75, logit: 2, gate: 0.5 } })
  if (!parsed.ok) return
  expect(floatsOf(parsed.value.signedBytes)).toEqual([2, 0.75, ...map])
  expect(parsed.value.evidenceMap.flat()).toEqual(map)
})

test('an answer in JSON is read the same', () => {
  const outputs = Object.entries(tensors).map(([name, data]) => ({
    name,
    datatype: 'FP32',
    shape: [1, data.length],
    data,
  }))
  const body = utf8Of(JSON.stringify({ id: 'r1', parameters: { statement: 'a.b.c' }, outputs }))
  const binary = answer()
  expect(parseInference('r1', undefined, body)).toEqual(
    parseInference('r1', binary.length, binary.body),
  )
})

test.each<[string, ReturnType<typeof answer>]>([
  ['about another request', answer({}, { id: 'r2' })],
  ['without a statement', answer({}, { parameters: {} })],
  ['with a map whose mean is not the logit', answer({ logit: [2.1] })],
  ['with a probability above one', answer({ probability: [1.01] })],
  ['with a number that is none', answer({ gate: [Number.NaN] })],
  ['with a map of another size', answer({ evidence_map: map.slice(1) })],
  ['with a length beyond the body', { ...answer(), length: '99999' }],
  ['with a length that is none', { ...answer(), length: '1e2' }],
  ['that is too large', { length: '2', body: new Uint8Array(inferenceAnswerBytesMax + 1) }],
])('an answer %s is refused', (_, { body, length }) => {
  expect(parseInference('r1', length, body)).toMatchObject({
    ok: false,
    problem: { code: 'answer-malformed', kind: 'refused' },
  })
})

test('every truncated answer is refused', () => {
  const { body, length } = answer()
  for (let bytes = 0; bytes < body.length; bytes += 1) {
    expect(parseInference('r1', length, body.subarray(0, bytes)).ok).toBe(false)
  }
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string({ maxLength: 4 }), (body, length) => {
      parseInference('r1', length, body)
      refusalCode(body)
    }),
  )
})

test('a request is its JSON and then the pixels', () => {
  const image = new Uint8Array(64 * 64 * 4).fill(9)
  const { body, headers } = printInference('r1', image, {
    input: new Uint8Array(32),
    output: new Uint8Array(32).fill(255),
  })
  const length = Number(headers['inference-header-content-length'])
  expect(JSON.parse(Buffer.from(body.subarray(0, length)).toString())).toMatchObject({
    id: 'r1',
    parameters: { input_salt: 'A'.repeat(43), output_salt: `${'_'.repeat(42)}8` },
    inputs: [{ name: 'image', shape: [1, 1, 64, 64], parameters: { binary_data_size: 16_384 } }],
  })
  expect(body.subarray(length)).toEqual(image)
})

test("a refusal's code is taken from either form, and nothing else is taken for one", () => {
  const of = (value: unknown): string | undefined => refusalCode(utf8Of(JSON.stringify(value)))
  expect(of({ error: 'words', code: 'not-a-chest-radiograph' })).toBe('not-a-chest-radiograph')
  expect(of({ type: 'urn:sealward:problem:tensor-size' })).toBe('tensor-size')
  for (const value of [{ code: 'Two words' }, { code: 7 }, { error: 'x' }, null, 'x']) {
    expect(of(value)).toBeUndefined()
  }
})
