/**
 * Measures the committed model on the films that are there: `node models/src/evaluate.ts`.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { hasRadiographs, sharedFolder } from './data/radiographs.ts'
import { metricsFile, modelFile, printJson } from './files.ts'
import { measureModel } from './measurement.ts'

const shared = sharedFolder()
if (!hasRadiographs(shared)) {
  process.stdout.write('There are no films to measure on: ../shared/imaging is absent.\n')
  process.exit(1)
}
const { screeningThreshold } = JSON.parse(readFileSync(metricsFile, 'utf8')) as {
  readonly screeningThreshold: number
}
const metrics = await measureModel(readFileSync(modelFile), shared, screeningThreshold)
process.stdout.write(printJson(metrics))
