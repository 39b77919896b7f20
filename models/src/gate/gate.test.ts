import { Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { seededRandom } from '../learning/random.ts'
import { createGraph } from '../network/graph.ts'
import { openSession } from '../network/run.ts'
import { fitGate, gateInputs, writeDistances } from './gate.ts'

const random = seededRandom(6)
const films = 300
const signal = Float32Array.from({ length: films * 64 * 64 }, () => random.uniform())
// Films that differ in a few directions only: a shade across, a shade down, and their strength.
const image = new Float32Array(films * 4096)
for (let film = 0; film < films; film++) {
  const [across, down] = [random.normal(), random.normal()]
  for (let at = 0; at < 4096; at++) {
    image[film * 4096 + at] = across * ((at % 64) / 32 - 1) + down * ((at >> 6) / 32 - 1)
  }
}
const { features, thumbnails } = gateInputs(signal, image)
const gate = fitGate(features, thumbnails)

async function distances(
  pixels: Float32Array,
  last: Float32Array,
): Promise<{ readonly features: Float32Array; readonly residual: Float32Array }> {
  const graph = createGraph('gate')
  const found = writeDistances(
    graph,
    graph.input('image', ['N', 1, 64, 64]),
    graph.input('signal', ['N', 64, 8, 8]),
    gate,
  )
  graph.output('features', found.features, ['N', 1])
  graph.output('residual', found.residual, ['N', 1])
  const session = await openSession(graph.encode({}))
  const count = pixels.length / 4096
  const outputs = await session.run({
    image: new Tensor('float32', pixels, [count, 1, 64, 64]),
    signal: new Tensor('float32', last, [count, 64, 8, 8]),
  })
  return {
    features: outputs['features']?.data as Float32Array,
    residual: outputs['residual']?.data as Float32Array,
  }
}

test('features of ordinary films lie at the distance that 64 of variance one have', async () => {
  const found = await distances(image, signal)
  const square = found.features.reduce((sum, value) => sum + value * value, 0) / films
  // The floor under small variances can only shorten it.
  expect(square).toBeGreaterThan(40)
  expect(square).toBeLessThan(64.5)
})

test('films that are made of the components leave nothing over, others do', async () => {
  const ordinary = await distances(image, signal)
  expect(Math.max(...ordinary.residual)).toBeLessThan(0.01)
  const board = Float32Array.from({ length: 4096 }, (_, at) =>
    ((at >> 2) + (at >> 8)) % 2 === 0 ? 1 : -1,
  )
  const odd = await distances(board, signal.subarray(0, 4096))
  expect(odd.residual[0]).toBeGreaterThan(10)
})
