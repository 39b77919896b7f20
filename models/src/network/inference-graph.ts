import { createGraph, type GraphWriter, type Value } from './graph.ts'
import {
  type BlockStatistics,
  batchNormEpsilon,
  blockChannels,
  inputSide,
  mapSide,
  type Parameter,
  parameterNamed,
} from './parameters.ts'
import { standardised } from './training-graph.ts'

export interface InferenceGraphOptions {
  readonly parameters: readonly Parameter[]
  readonly statistics: readonly BlockStatistics[]
  /** Writes the distance of the gate from the standardised image and the last block's signal. */
  readonly gate?: (graph: GraphWriter, image: Value, signal: Value) => Value
  /** Adds outputs that are wanted while the model is made. */
  readonly extra?: (graph: GraphWriter, image: Value, signal: Value) => void
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * Writes the trained network as it is served: batch norm folded into the convolutions.
 *
 * Input `image` [N,1,64,64], grey in [0, 1]. Outputs `evidence_map` [N,1,8,8], `logit` [N,1] (the mean
 * of the map), `probability` [N,1], and `gate` [N,1] where there is one.
 */
export function inferenceGraph(options: InferenceGraphOptions): Uint8Array {
  const { parameters, statistics } = options
  const graph = createGraph('sealward-chest-pneumonia')
  const { op } = graph
  const input = graph.input('image', ['N', 1, inputSide, inputSide])
  const image = standardised(graph, input)
  const last = blockChannels.length - 1
  let signal = image
  blockChannels.forEach((channels, block) => {
    const { weight, bias } = folded(parameters, statistics[block] as BlockStatistics, block)
    const shape = parameterNamed(parameters, `weight${block}`).shape
    const convolved = op(
      'Conv',
      [
        signal,
        graph.constant(`weight${block}`, shape, weight),
        graph.constant(`bias${block}`, [channels], bias),
      ],
      { pads: [1, 1, 1, 1] },
    )
    signal = op('Relu', [convolved])
    if (block < last)
      signal = op('AveragePool', [signal], { kernel_shape: [2, 2], strides: [2, 2] })
  })
  const head = parameterNamed(parameters, 'head')
  const map = op('Conv', [
    signal,
    graph.constant('head', head.shape, head.data),
    graph.constant('head_bias', [1], parameterNamed(parameters, 'bias').data),
  ])
  const logit = op('ReduceMean', [map], { axes: [2, 3], keepdims: 0 })
  graph.output('evidence_map', map, ['N', 1, mapSide, mapSide])
  graph.output('logit', logit, ['N', 1])
  graph.output('probability', op('Sigmoid', [logit]), ['N', 1])
  if (options.gate !== undefined) {
    graph.output('gate', options.gate(graph, image, signal), ['N', 1])
  }
  options.extra?.(graph, image, signal)
  return graph.encode(options.metadata ?? {})
}

/** Batch norm of running statistics, put into the convolution before it. */
function folded(
  parameters: readonly Parameter[],
  { mean, variance }: BlockStatistics,
  block: number,
): { readonly weight: Float32Array; readonly bias: Float32Array } {
  const weight = parameterNamed(parameters, `weight${block}`).data
  const scale = parameterNamed(parameters, `scale${block}`).data
  const shift = parameterNamed(parameters, `shift${block}`).data
  const taps = weight.length / scale.length
  const factor = scale.map(
    (value, channel) => value / Math.sqrt((variance[channel] as number) + batchNormEpsilon),
  )
  return {
    weight: weight.map((value, index) => value * (factor[Math.floor(index / taps)] as number)),
    bias: shift.map(
      (value, channel) => value - (mean[channel] as number) * (factor[channel] as number),
    ),
  }
}
