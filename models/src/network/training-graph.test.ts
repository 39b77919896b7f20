import { Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { seededRandom } from '../learning/random.ts'
import { initialParameters, type Parameter, parameterNamed } from './parameters.ts'
import { openSession } from './run.ts'
import { trainingGraph } from './training-graph.ts'

const side = 8
const channels = [3, 4, 2]
const count = 3
const random = seededRandom(7)
const images = Float32Array.from({ length: count * side * side }, () => random.uniform())
const labels = Float32Array.of(1, 0, 1)
const weights = Float32Array.of(0.2, 0.5, 0.3)
// Scales and shifts away from one and zero, so that each matters.
const parameters = initialParameters(11, channels).map((parameter) => ({
  ...parameter,
  data: parameter.data.map((value) => value + 0.3 * random.normal()),
}))

async function gradients(): Promise<Readonly<Record<string, Float32Array>>> {
  const session = await openSession(trainingGraph(parameters, { side, channels }))
  const outputs = await session.run({
    image: new Tensor('float32', images, [count, 1, side, side]),
    label: new Tensor('float32', labels, [count]),
    weight: new Tensor('float32', weights, [count]),
    ...Object.fromEntries(
      parameters.map(({ name, data, shape }) => [name, new Tensor('float32', data, shape)]),
    ),
  })
  return Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => [name, tensor.data as Float32Array]),
  )
}

test('the loss of the graph is the loss written out by hand', async () => {
  const { loss } = await gradients()
  expect(loss?.[0]).toBeCloseTo(lossByHand(parameters), 5)
})

test('every gradient of the graph is the finite difference of the loss', async () => {
  const outputs = await gradients()
  const step = 1e-5
  let compared = 0
  for (const { name, data } of parameters) {
    const gradient = outputs[`grad_${name}`] as Float32Array
    expect(gradient).toHaveLength(data.length)
    for (let index = 0; index < data.length; index++) {
      const slope =
        (lossByHand(moved(name, index, step)) - lossByHand(moved(name, index, -step))) / (2 * step)
      expect(Math.abs((gradient[index] as number) - slope), `${name}[${index}]`).toBeLessThan(
        2e-5 + 1e-3 * Math.abs(slope),
      )
      compared += 1
    }
  }
  expect(compared).toBe(3 * 9 + 3 * 4 * 9 + 4 * 2 * 9 + 2 * (3 + 4 + 2) + 2 + 1)
})

type Exact = { readonly name: string; readonly data: Float64Array | Float32Array }

function moved(name: string, index: number, by: number): Exact[] {
  return parameters.map((parameter) => {
    const data = Float64Array.from(parameter.data)
    if (parameter.name === name) data[index] = (data[index] as number) + by
    return { name: parameter.name, data }
  })
}

/** Forward pass and loss, plainly, in double precision. */
function lossByHand(exact: readonly Exact[]): number {
  const of = (name: string): Float64Array | Float32Array =>
    parameterNamed(exact as readonly Parameter[], name).data
  let size = side
  let depth = 1
  let signal = Array.from({ length: count }, (_, image) =>
    standardised(Array.from(images.subarray(image * side * side, (image + 1) * side * side))),
  )
  channels.forEach((to, block) => {
    const convolved = signal.map((image) => convolve(image, of(`weight${block}`), depth, to, size))
    const rectified = normalise(convolved, of(`scale${block}`), of(`shift${block}`), size * size)
    depth = to
    if (block < channels.length - 1) {
      signal = rectified.map((image) => halved(image, depth, size))
      size /= 2
    } else signal = rectified
  })
  return signal.reduce((sum, image, index) => {
    let logit = of('bias')[0] as number
    image.forEach((value, at) => {
      logit += (value * (of('head')[Math.floor(at / size ** 2)] as number)) / size ** 2
    })
    const label = labels[index] as number
    return sum + (weights[index] as number) * (Math.log1p(Math.exp(logit)) - label * logit)
  }, 0)
}

function standardised(image: readonly number[]): number[] {
  const mean = image.reduce((sum, value) => sum + value, 0) / image.length
  const variance = image.reduce((sum, value) => sum + (value - mean) ** 2, 0) / image.length
  return image.map((value) => (value - mean) / (Math.sqrt(variance) + 1e-3))
}

function convolve(
  image: readonly number[],
  weight: Float64Array | Float32Array,
  from: number,
  to: number,
  size: number,
): number[] {
  return Array.from({ length: to * size * size }, (_, index) => {
    const target = Math.floor(index / size ** 2)
    const row = Math.floor(index / size) % size
    const column = index % size
    let sum = 0
    for (let source = 0; source < from; source++) {
      for (let tap = 0; tap < 9; tap++) {
        const y = row + Math.floor(tap / 3) - 1
        const x = column + (tap % 3) - 1
        if (y < 0 || x < 0 || y >= size || x >= size) continue
        sum +=
          (weight[(target * from + source) * 9 + tap] as number) *
          (image[(source * size + y) * size + x] as number)
      }
    }
    return sum
  })
}

function normalise(
  batch: readonly (readonly number[])[],
  scale: Float64Array | Float32Array,
  shift: Float64Array | Float32Array,
  cells: number,
): number[][] {
  const result = batch.map((image) => [...image])
  scale.forEach((factor, channel) => {
    const values = batch.flatMap((image) => image.slice(channel * cells, (channel + 1) * cells))
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    batch.forEach((image, index) => {
      for (let at = channel * cells; at < (channel + 1) * cells; at++) {
        const normal = ((image[at] as number) - mean) / Math.sqrt(variance + 1e-5)
        ;(result[index] as number[])[at] = Math.max(0, normal * factor + (shift[channel] as number))
      }
    })
  })
  return result
}

function halved(image: readonly number[], depth: number, size: number): number[] {
  const half = size / 2
  return Array.from({ length: depth * half * half }, (_, index) => {
    const channel = Math.floor(index / half ** 2)
    const row = (Math.floor(index / half) % half) * 2
    const column = (index % half) * 2
    const at = (channel * size + row) * size + column
    return (
      ((image[at] as number) +
        (image[at + 1] as number) +
        (image[at + size] as number) +
        (image[at + size + 1] as number)) /
      4
    )
  })
}
