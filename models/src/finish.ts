import type { Radiographs } from './data/radiographs.ts'
import {
  fitGate,
  type GateModel,
  type GateThresholds,
  gateInputs,
  writeDistances,
  writeGate,
} from './gate/gate.ts'
import type { Learnt } from './learning/learn.ts'
import { labelsOf } from './measurement.ts'
import { quantile, youdenThreshold } from './measures.ts'
import { inferenceGraph } from './network/inference-graph.ts'
import { openSession, runAll } from './network/run.ts'

/** Each of the gate's two distances lets this share of the validation films pass. */
const passingShare = 0.995

/** A model that can be served. */
export interface Finished {
  /** The ONNX file with these `metadata_props`. */
  readonly encode: (metadata: Readonly<Record<string, string>>) => Uint8Array
  /** Of the screening point: largest sensitivity + specificity on val. */
  readonly threshold: number
  /** What each distance was divided by. */
  readonly gateThresholds: GateThresholds
}

/**
 * Fits the gate to the training films, sets its thresholds and the screening point on the validation
 * films.
 */
export async function finish(
  learnt: Learnt,
  train: Radiographs,
  val: Radiographs,
): Promise<Finished> {
  const gate = await learntGate(learnt, train)
  const measured = await distancesOf(learnt, gate, val)
  const gateThresholds = {
    features: quantile(measured.features, passingShare),
    residual: quantile(measured.residual, passingShare),
  }
  const threshold = youdenThreshold(labelsOf(val), measured.probability)
  const encode = (metadata: Readonly<Record<string, string>>): Uint8Array =>
    inferenceGraph({
      ...learnt,
      gate: (graph, image, signal) => writeGate(graph, image, signal, gate, gateThresholds),
      metadata,
    })
  return { encode, threshold, gateThresholds }
}

async function learntGate(learnt: Learnt, train: Radiographs): Promise<GateModel> {
  const session = await openSession(
    inferenceGraph({
      ...learnt,
      extra: (graph, image, signal) => {
        graph.output('standardised', image, ['N', 1, 64, 64])
        graph.output('signal', signal, ['N', 64, 8, 8])
      },
    }),
  )
  const { signal, standardised } = await runAll(session, train.pixels)
  await session.release()
  if (signal === undefined || standardised === undefined) throw new Error('outputs are missing')
  const { features, thumbnails } = gateInputs(signal, standardised)
  return fitGate(features, thumbnails)
}

async function distancesOf(
  learnt: Learnt,
  gate: GateModel,
  films: Radiographs,
): Promise<Readonly<Record<'features' | 'residual' | 'probability', Float32Array>>> {
  const session = await openSession(
    inferenceGraph({
      ...learnt,
      extra: (graph, image, signal) => {
        const distances = writeDistances(graph, image, signal, gate)
        graph.output('features', distances.features, ['N', 1])
        graph.output('residual', distances.residual, ['N', 1])
      },
    }),
  )
  const { features, residual, probability } = await runAll(session, films.pixels)
  await session.release()
  if (features === undefined || residual === undefined || probability === undefined) {
    throw new Error('outputs are missing')
  }
  return { features, residual, probability }
}
