import { seededRandom } from '../learning/random.ts'

/** The sides of what the network reads and of its evidence map, in pixels and in cells. */
export const inputSide = 64
export const mapSide = 8

/** Output channels of each block: 3 x 3 convolution, batch norm, ReLU; all but the last halve the sides. */
export const blockChannels: readonly number[] = [16, 32, 64, 64]

export const standardisationEpsilon = 1e-3
export const batchNormEpsilon = 1e-5

/** One trained tensor. Weight decay pulls weights only, never scales, shifts or biases. */
export interface Parameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
  readonly decays: boolean
}

/** Mean and variance of each channel of each block, as they run along with training. */
export interface BlockStatistics {
  readonly mean: Float32Array
  readonly variance: Float32Array
}

/** The parameters before the first step (He et al. 2015), drawn from `seed`. */
export function initialParameters(
  seed: number,
  channels: readonly number[] = blockChannels,
): Parameter[] {
  const random = seededRandom(seed)
  const drawn = (length: number, deviation: number): Float32Array =>
    Float32Array.from({ length }, () => random.normal() * deviation)
  const parameters: Parameter[] = []
  let from = 1
  channels.forEach((to, block) => {
    const inputs = from * 9
    parameters.push(
      {
        name: `weight${block}`,
        shape: [to, from, 3, 3],
        data: drawn(to * inputs, Math.sqrt(2 / inputs)),
        decays: true,
      },
      {
        name: `scale${block}`,
        shape: [1, to, 1, 1],
        data: new Float32Array(to).fill(1),
        decays: false,
      },
      { name: `shift${block}`, shape: [1, to, 1, 1], data: new Float32Array(to), decays: false },
    )
    from = to
  })
  parameters.push(
    { name: 'head', shape: [1, from, 1, 1], data: drawn(from, Math.sqrt(1 / from)), decays: true },
    { name: 'bias', shape: [1, 1, 1, 1], data: new Float32Array(1), decays: false },
  )
  return parameters
}

/** The parameter of that name; asking for another is a mistake in the program. */
export function parameterNamed(parameters: readonly Parameter[], name: string): Parameter {
  const found = parameters.find((parameter) => parameter.name === name)
  if (found === undefined) throw new Error(`no parameter ${name}`)
  return found
}
