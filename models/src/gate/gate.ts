/**
 * The input gate: how unlike the films of the training set a picture is.
 *
 * @module
 */

import type { GraphWriter, Value } from '../network/graph.ts'
import { inputSide, mapSide } from '../network/parameters.ts'
import { eigenOf, momentsOf } from './symmetric.ts'

/** Channels of the last block, averaged over its map. */
const featureCount = 64
/** The picture is looked at this small, standardised. */
const thumbnailSide = 16
const thumbnailCount = thumbnailSide * thumbnailSide
/** Principal components that an ordinary chest film is made of, at that size. */
const componentCount = 32

/** What an ordinary chest film looks like to the network (features) and to the eye (components). */
export interface GateModel {
  /** Rows take a feature vector less `featureMean` to uncorrelated values of variance one. */
  readonly featureMean: Float32Array
  readonly whitening: Float32Array
  readonly thumbnailMean: Float32Array
  /** `componentCount` rows of `thumbnailCount`, orthonormal. */
  readonly components: Float32Array
}

/** Both distances of one picture, not yet over their thresholds. */
export interface GateDistances {
  readonly features: Float32Array
  readonly residual: Float32Array
}

/** What distances count as one, each by itself. */
export interface GateThresholds {
  readonly features: number
  readonly residual: number
}

/**
 * Learns what is ordinary.
 *
 * @param features - averaged last-block channels of the training films, 64 each.
 * @param thumbnails - standardised training films at 16 x 16.
 */
export function fitGate(features: Float32Array, thumbnails: Float32Array): GateModel {
  const inner = momentsOf(features, featureCount)
  const { values, vectors } = eigenOf(inner.covariance, featureCount)
  // Directions that hardly vary would make every picture extraordinary: they count no more than this.
  const floor = 1e-3 * (values[0] as number)
  const whitening = new Float32Array(featureCount * featureCount)
  for (let row = 0; row < featureCount; row++) {
    const factor = 1 / Math.sqrt(Math.max(values[row] as number, floor))
    for (let column = 0; column < featureCount; column++) {
      whitening[row * featureCount + column] =
        (vectors[row * featureCount + column] as number) * factor
    }
  }
  const outer = momentsOf(thumbnails, thumbnailCount)
  const components = eigenOf(outer.covariance, thumbnailCount).vectors
  return {
    featureMean: Float32Array.from(inner.mean),
    whitening,
    thumbnailMean: Float32Array.from(outer.mean),
    components: Float32Array.from(components.subarray(0, componentCount * thumbnailCount)),
  }
}

/** Averages the last block over its map: features; and the standardised film down to a thumbnail. */
export function gateInputs(
  signal: Float32Array,
  standardised: Float32Array,
): { readonly features: Float32Array; readonly thumbnails: Float32Array } {
  const cells = mapSide * mapSide
  const features = new Float32Array(signal.length / cells)
  for (let index = 0; index < features.length; index++) {
    let sum = 0
    for (let cell = 0; cell < cells; cell++) sum += signal[index * cells + cell] as number
    features[index] = sum / cells
  }
  const factor = inputSide / thumbnailSide
  const thumbnails = new Float32Array(standardised.length / (factor * factor))
  for (let index = 0; index < standardised.length; index++) {
    const film = Math.floor(index / inputSide ** 2)
    const row = Math.floor((Math.floor(index / inputSide) % inputSide) / factor)
    const column = Math.floor((index % inputSide) / factor)
    const at = film * thumbnailCount + row * thumbnailSide + column
    thumbnails[at] = (thumbnails[at] as number) + (standardised[index] as number) / factor ** 2
  }
  return { features, thumbnails }
}

/**
 * Writes the gate into a graph: the larger of both distances, each over its threshold. Above one a
 * picture is not taken for a chest film.
 *
 * @param image - standardised, [N,1,64,64].
 * @param signal - of the last block, [N,64,8,8].
 * @returns [N,1].
 */
export function writeGate(
  graph: GraphWriter,
  image: Value,
  signal: Value,
  model: GateModel,
  thresholds: GateThresholds,
): Value {
  const { features, residual } = writeDistances(graph, image, signal, model)
  const { op, scalar } = graph
  return op('Max', [
    op('Div', [features, scalar(thresholds.features)]),
    op('Div', [residual, scalar(thresholds.residual)]),
  ])
}

/** Both distances, [N,1] each. */
export function writeDistances(
  graph: GraphWriter,
  image: Value,
  signal: Value,
  model: GateModel,
): { readonly features: Value; readonly residual: Value } {
  const { op, constant, integers } = graph
  const mapped = op('ReduceMean', [signal], { axes: [2, 3], keepdims: 0 })
  const mean = constant('gate_feature_mean', [1, featureCount], model.featureMean)
  const whitening = constant('gate_whitening', [featureCount, featureCount], model.whitening)
  const uncorrelated = op('Gemm', [op('Sub', [mapped, mean]), whitening], { transB: 1 })

  const factor = inputSide / thumbnailSide
  const small = op('AveragePool', [image], {
    kernel_shape: [factor, factor],
    strides: [factor, factor],
  })
  const outerMean = constant('gate_thumbnail_mean', [1, thumbnailCount], model.thumbnailMean)
  const thumbnail = op('Sub', [op('Reshape', [small, integers([-1, thumbnailCount])]), outerMean])
  const components = constant('gate_components', [componentCount, thumbnailCount], model.components)
  const coefficients = op('Gemm', [thumbnail, components], { transB: 1 })
  const rest = op('Sub', [thumbnail, op('Gemm', [coefficients, components])])
  return { features: length(graph, uncorrelated), residual: length(graph, rest) }
}

/** Euclidean length of each row. */
function length(graph: GraphWriter, rows: Value): Value {
  const { op, integers } = graph
  return op('Sqrt', [op('ReduceSum', [op('Mul', [rows, rows]), integers([1])], { keepdims: 1 })])
}
