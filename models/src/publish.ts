import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cardOf, cardPageOf, citation, licence, modelName, modelVersion } from './card.ts'
import { digestOfRows, type Radiographs, type Row, readRows } from './data/radiographs.ts'
import { cardFile, cardPage, metricsFile, modelFile, printJson } from './files.ts'
import { finish } from './finish.ts'
import { type Learnt, learningSettings } from './learning/learn.ts'
import { type Metrics, measureModel } from './measurement.ts'
import { threads } from './network/run.ts'

/** What was written. */
export interface Published {
  readonly model: Uint8Array
  /** Hex. */
  readonly sha256: string
  readonly metrics: Metrics
}

/** Finishes and measures a model, and writes it with its metrics and its card. */
export async function publish(
  learnt: Learnt,
  train: Radiographs,
  val: Radiographs,
  shared: string,
): Promise<Published> {
  const { encode, threshold, gateThresholds } = await finish(learnt, train, val)
  const metrics = await measureModel(encode({}), shared, threshold)
  const dataSha256 = digestOfRows([...train.rows, ...val.rows])
  const { val: onVal, test: onTest } = metrics
  const model = encode({
    task: 'pneumonia on a paediatric frontal chest radiograph; not a medical device',
    name: modelName,
    version: modelVersion,
    data: citation,
    data_licence: licence,
    data_sha256: dataSha256,
    seed: String(learningSettings.seed),
    settings: JSON.stringify(learningSettings),
    screening_threshold: String(threshold),
    gate_threshold: '1',
    metrics: JSON.stringify({
      validation: { films: onVal.films, auc: onVal.auc, accuracy: onVal.balanced.accuracy },
      test: { films: onTest.films, auc: onTest.auc, accuracy: onTest.balanced.accuracy },
    }),
  })
  const sha256 = createHash('sha256').update(model).digest('hex')
  const rows = readRows(shared)
  const count = (split: Row['split']): number =>
    rows.filter((row) => row.split === split && row.duplicateOf === undefined).length
  const facts = {
    sha256,
    bytes: model.length,
    parameters: learnt.parameters.reduce((sum, { data }) => sum + data.length, 0),
    dataSha256,
    splits: {
      train: count('train'),
      val: count('val'),
      test: count('test'),
      native: count('native'),
    },
    duplicatesLeftOut: rows.filter((row) => row.duplicateOf !== undefined).length,
    settings: learningSettings,
    runtime: `onnxruntime-node ${runtimeVersion()}, ${threads} threads`,
    threshold,
    gateThresholds,
    metrics,
  }
  writeFileSync(modelFile, model)
  writeFileSync(
    metricsFile,
    printJson({ model: sha256, screeningThreshold: threshold, ...metrics }),
  )
  writeFileSync(cardFile, printJson(cardOf(facts)))
  writeFileSync(cardPage, cardPageOf(facts))
  return { model, sha256, metrics }
}

function runtimeVersion(): string {
  const require = createRequire(import.meta.url)
  return (require('onnxruntime-node/package.json') as { readonly version: string }).version
}
