/**
 * One step of learning as one ONNX graph: forward pass, loss, and the gradient of the loss.
 *
 * @module
 */

import { createGraph, type GraphWriter, type Value } from './graph.ts'
import {
  batchNormEpsilon,
  blockChannels,
  inputSide,
  type Parameter,
  standardisationEpsilon,
} from './parameters.ts'

const sides: readonly number[] = [1, 2, 3]
const allButChannels: readonly number[] = [0, 2, 3]

/** Shape of a training graph; only tests use another than the network's. */
export interface TrainingShape {
  readonly side: number
  readonly channels: readonly number[]
}

/**
 * Writes the graph.
 *
 * Inputs: `image` [N,1,side,side]; `label` and `weight` [N]; each parameter by its name.
 * Outputs: `loss` (sum over the batch of weight times cross-entropy), `logit` [N], `grad_<parameter>`
 * for each parameter, `mean<block>` and `variance<block>` [1,C,1,1] of the batch.
 */
export function trainingGraph(
  parameters: readonly Parameter[],
  shape: TrainingShape = { side: inputSide, channels: blockChannels },
): Uint8Array {
  const graph = createGraph('sealward-training')
  const { op, scalar } = graph
  const image = graph.input('image', ['N', 1, shape.side, shape.side])
  const label = graph.input('label', ['N'])
  const weight = graph.input('weight', ['N'])
  for (const { name, shape: dims } of parameters) graph.input(name, dims)

  const last = shape.channels.length - 1
  const blocks: Block[] = []
  let signal = standardised(graph, image)
  shape.channels.forEach((_, block) => {
    const forward = blockForward(graph, signal, block, block < last)
    blocks.push(forward)
    signal = forward.output
  })
  const cells = (shape.side >> last) ** 2
  const logit = op('ReduceMean', [op('Add', [op('Conv', [signal, 'head']), 'bias'])], {
    axes: sides,
    keepdims: 0,
  })
  graph.output('logit', logit, ['N'])
  graph.output('loss', lossOf(graph, logit, label, weight), [])

  // dL/dlogit = weight (sigmoid - label); each cell of the map has an equal share in the logit.
  const dLogit = op('Mul', [weight, op('Sub', [op('Sigmoid', [logit]), label])])
  const dCell = op('Mul', [op('Unsqueeze', [dLogit, graph.integers(sides)]), scalar(1 / cells)])
  const output = (name: string, value: Value, dims: readonly number[]): void =>
    graph.output(`grad_${name}`, value, dims)
  const headChannels = shape.channels[last] as number
  output('head', sumTo(graph, op('Mul', [signal, dCell])), [1, headChannels, 1, 1])
  output('bias', op('Mul', [sumTo(graph, dCell), scalar(cells)]), [1, 1, 1, 1])

  let dSignal = op('Expand', [op('Mul', [dCell, 'head']), op('Shape', [signal])])
  for (let block = last; block >= 0; block--) {
    const forward = blocks[block] as Block
    const channels = shape.channels[block] as number
    const from = block === 0 ? 1 : (shape.channels[block - 1] as number)
    const backward = blockBackward(graph, forward, dSignal, block)
    output(`scale${block}`, backward.dScale, [1, channels, 1, 1])
    output(`shift${block}`, backward.dShift, [1, channels, 1, 1])
    output(`weight${block}`, backward.dWeight, [channels, from, 3, 3])
    graph.output(`mean${block}`, forward.mean, [1, channels, 1, 1])
    graph.output(`variance${block}`, forward.variance, [1, channels, 1, 1])
    if (block > 0)
      dSignal = op('ConvTranspose', [backward.dConvolved, `weight${block}`], { pads: [1, 1, 1, 1] })
  }
  return graph.encode({})
}

/** Each image less its mean, over its standard deviation. */
export function standardised(graph: GraphWriter, image: Value): Value {
  const { op, scalar } = graph
  const centred = op('Sub', [image, op('ReduceMean', [image], { axes: sides, keepdims: 1 })])
  const variance = op('ReduceMean', [op('Mul', [centred, centred])], { axes: sides, keepdims: 1 })
  return op('Div', [centred, op('Add', [op('Sqrt', [variance]), scalar(standardisationEpsilon)])])
}

interface Block {
  readonly input: Value
  readonly mean: Value
  readonly variance: Value
  readonly inverseDeviation: Value
  /** Convolved, mean zero and variance one in each channel. */
  readonly normalised: Value
  readonly rectified: Value
  readonly output: Value
  readonly pooled: boolean
}

function blockForward(graph: GraphWriter, input: Value, block: number, pooled: boolean): Block {
  const { op, scalar } = graph
  const convolved = op('Conv', [input, `weight${block}`], { pads: [1, 1, 1, 1] })
  const mean = op('ReduceMean', [convolved], { axes: allButChannels, keepdims: 1 })
  const centred = op('Sub', [convolved, mean])
  const variance = op('ReduceMean', [op('Mul', [centred, centred])], {
    axes: allButChannels,
    keepdims: 1,
  })
  const inverseDeviation = op('Reciprocal', [
    op('Sqrt', [op('Add', [variance, scalar(batchNormEpsilon)])]),
  ])
  const normalised = op('Mul', [centred, inverseDeviation])
  const rectified = op('Relu', [
    op('Add', [op('Mul', [normalised, `scale${block}`]), `shift${block}`]),
  ])
  const output = pooled
    ? op('AveragePool', [rectified], { kernel_shape: [2, 2], strides: [2, 2] })
    : rectified
  return { input, mean, variance, inverseDeviation, normalised, rectified, output, pooled }
}

function blockBackward(
  graph: GraphWriter,
  forward: Block,
  dOutput: Value,
  block: number,
): {
  readonly dScale: Value
  readonly dShift: Value
  readonly dWeight: Value
  readonly dConvolved: Value
} {
  const { op, scalar } = graph
  const dRectified = forward.pooled
    ? op('Mul', [
        op(
          'Resize',
          [dOutput, '', graph.constant(`twice${block}`, [4], Float32Array.of(1, 1, 2, 2))],
          {
            mode: { word: 'nearest' },
            coordinate_transformation_mode: { word: 'asymmetric' },
            nearest_mode: { word: 'floor' },
          },
        ),
        scalar(1 / 4),
      ])
    : dOutput
  const passed = op('Cast', [op('Greater', [forward.rectified, scalar(0)])], { to: 1 })
  const dScaled = op('Mul', [dRectified, passed])
  const dShift = sumTo(graph, dScaled)
  const dScale = sumTo(graph, op('Mul', [dScaled, forward.normalised]))
  // Batch norm in closed form: the gradient less its mean and less its part along the normalised signal.
  const mean = (value: Value): Value =>
    op('ReduceMean', [value], { axes: allButChannels, keepdims: 1 })
  const along = op('Mul', [forward.normalised, mean(op('Mul', [dScaled, forward.normalised]))])
  const dConvolved = op('Mul', [
    op('Mul', [`scale${block}`, forward.inverseDeviation]),
    op('Sub', [op('Sub', [dScaled, mean(dScaled)]), along]),
  ])
  // Correlating input with output gradient: the batch takes the channels' place, the map is the kernel.
  const exchanged = (value: Value): Value => op('Transpose', [value], { perm: [1, 0, 2, 3] })
  const dWeight = exchanged(
    op('Conv', [exchanged(forward.input), exchanged(dConvolved)], { pads: [1, 1, 1, 1] }),
  )
  return { dScale, dShift, dWeight, dConvolved }
}

function sumTo(graph: GraphWriter, value: Value): Value {
  return graph.op('ReduceSum', [value, graph.integers(allButChannels)], { keepdims: 1 })
}

/** Weighted cross-entropy in its stable form: softplus(logit) - label x logit. */
function lossOf(graph: GraphWriter, logit: Value, label: Value, weight: Value): Value {
  const { op } = graph
  const each = op('Sub', [op('Softplus', [logit]), op('Mul', [label, logit])])
  return op('ReduceSum', [op('Mul', [weight, each])], { keepdims: 0 })
}
