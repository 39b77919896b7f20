import { type InferenceSession, Tensor } from 'onnxruntime-node'
import type { Radiographs } from '../data/radiographs.ts'
import {
  type BlockStatistics,
  blockChannels,
  initialParameters,
  inputSide,
  type Parameter,
} from '../network/parameters.ts'
import { openSession } from '../network/run.ts'
import { trainingGraph } from '../network/training-graph.ts'
import { AdamW, adamWSettings, oneCycleRate } from './adamw.ts'
import { type Augmentation, augment, augmentation } from './augment.ts'
import { permutation, type SeededRandom, seededRandom } from './random.ts'

export interface LearningSettings {
  readonly seed: number
  readonly epochs: number
  readonly batch: number
  readonly peakRate: number
  readonly augmentation: Augmentation
}

export const learningSettings: LearningSettings = {
  seed: 20261123,
  epochs: 18,
  batch: 64,
  peakRate: 4e-3,
  augmentation,
}

/** What learning leaves behind. */
export interface Learnt {
  readonly parameters: readonly Parameter[]
  readonly statistics: readonly BlockStatistics[]
}

/**
 * Trains from nothing. The same films, settings and kind of processor give the same bits.
 *
 * @param train - the films to learn from.
 * @param onEpoch - told of each epoch's mean loss.
 */
export async function learn(
  train: Radiographs,
  settings: LearningSettings,
  onEpoch: (epoch: number, loss: number) => void,
): Promise<Learnt> {
  const random = seededRandom(settings.seed + 1)
  const parameters = initialParameters(settings.seed)
  const optimiser = new AdamW(parameters, adamWSettings)
  const session = await openSession(trainingGraph(parameters))
  const batches = Math.floor(train.rows.length / settings.batch)
  const feedBatch = batchFeeder(train, settings.batch)
  for (let epoch = 0; epoch < settings.epochs; epoch++) {
    const order = permutation(train.rows.length, random)
    let losses = 0
    for (let index = 0; index < batches; index++) {
      const step = epoch * batches + index
      const some = order.subarray(index * settings.batch, (index + 1) * settings.batch)
      const batch = feedBatch(some, (image, target) =>
        augment(image, target, settings.augmentation, random),
      )
      const outputs = await session.run({ ...batch, ...feedsOf(parameters) })
      optimiser.step(
        parameters,
        (name) => floats(outputs, `grad_${name}`),
        oneCycleRate(step, settings.epochs * batches, settings.peakRate),
      )
      losses += floats(outputs, 'loss')[0] as number
    }
    onEpoch(epoch, losses / batches)
  }
  const statistics = await settledStatistics(session, parameters, train, settings.batch, random)
  await session.release()
  return { parameters, statistics }
}

/**
 * Mean and variance of each channel over the films as they are: augmented copies, on which the weights
 * were learnt, have others than the films that the network will see.
 */
export async function settledStatistics(
  session: InferenceSession,
  parameters: readonly Parameter[],
  train: Radiographs,
  batch: number,
  random: SeededRandom,
): Promise<BlockStatistics[]> {
  const statistics = blockChannels.map((channels) => ({
    mean: new Float32Array(channels),
    variance: new Float32Array(channels),
  }))
  const wanted = blockChannels.flatMap((_, block) => [`mean${block}`, `variance${block}`])
  const batches = Math.floor(train.rows.length / batch)
  const order = permutation(train.rows.length, random)
  const feedBatch = batchFeeder(train, batch)
  for (let index = 0; index < batches; index++) {
    const some = order.subarray(index * batch, (index + 1) * batch)
    const feeds = feedBatch(some, (image, target) => target.set(image))
    const outputs = await session.run({ ...feeds, ...feedsOf(parameters) }, wanted)
    statistics.forEach(({ mean, variance }, block) => {
      addShare(mean, floats(outputs, `mean${block}`), 1 / batches)
      addShare(variance, floats(outputs, `variance${block}`), 1 / batches)
    })
  }
  return statistics
}

function floats(outputs: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  return outputs[name]?.data as Float32Array
}

function feedsOf(parameters: readonly Parameter[]): InferenceSession.FeedsType {
  return Object.fromEntries(
    parameters.map(({ name, data, shape }) => [name, new Tensor('float32', data, shape)]),
  )
}

/** Fills one batch after the other into the same memory. */
function batchFeeder(
  { rows, pixels }: Radiographs,
  batch: number,
): (
  some: Uint32Array,
  write: (image: Float32Array, target: Float32Array) => void,
) => InferenceSession.FeedsType {
  const size = inputSide * inputSide
  const positives = rows.filter((row) => row.pneumonia).length
  // Both classes weigh the same in total.
  const positiveWeight = (rows.length - positives) / positives
  const images = new Float32Array(batch * size)
  const labels = new Float32Array(batch)
  const weights = new Float32Array(batch)
  return (some, write) => {
    some.forEach((index, slot) => {
      const pneumonia = rows[index]?.pneumonia === true
      write(
        pixels.subarray(index * size, (index + 1) * size),
        images.subarray(slot * size, (slot + 1) * size),
      )
      labels[slot] = pneumonia ? 1 : 0
      weights[slot] = (pneumonia ? positiveWeight : 1) / batch
    })
    return {
      image: new Tensor('float32', images, [batch, 1, inputSide, inputSide]),
      label: new Tensor('float32', labels, [batch]),
      weight: new Tensor('float32', weights, [batch]),
    }
  }
}

function addShare(sums: Float32Array, values: Float32Array, share: number): void {
  for (let index = 0; index < sums.length; index++) {
    sums[index] = (sums[index] as number) + (values[index] as number) * share
  }
}
