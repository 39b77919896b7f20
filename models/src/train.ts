/**
 * `npm run train`: remakes the model, its metrics and its card from the films in `../shared/imaging`.
 *
 * @module
 */

import {
  hasRadiographs,
  type Radiographs,
  type Row,
  readRadiographs,
  readRows,
  sharedFolder,
} from './data/radiographs.ts'
import { learn, learningSettings } from './learning/learn.ts'
import { publish } from './publish.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const shared = sharedFolder()
if (!hasRadiographs(shared)) {
  say('There are no films to learn from: ../shared/imaging is absent. The committed model stays.')
  process.exit(1)
}

const rows = readRows(shared)
const part = (split: Row['split']): Row[] =>
  rows.filter((row) => row.split === split && row.duplicateOf === undefined)
const read = (split: Row['split']): Promise<Radiographs> => readRadiographs(shared, part(split))
const started = performance.now()
const train = await read('train')
const val = await read('val')
say(`${train.rows.length} films to learn from, ${val.rows.length} to choose on`)

const learnt = await learn(train, learningSettings, (epoch, loss) => {
  const seconds = Math.round((performance.now() - started) / 1000)
  say(`epoch ${epoch + 1} of ${learningSettings.epochs}: loss ${loss.toFixed(4)}, ${seconds} s`)
})
const { model, metrics, sha256 } = await publish(learnt, train, val, shared)
const { auc, balanced, films } = metrics.test
say(`test part, ${films} films: AUC ${auc.toFixed(4)}, accuracy ${balanced.accuracy.toFixed(4)}`)
say(`${model.length} bytes, SHA-256 ${sha256}`)
