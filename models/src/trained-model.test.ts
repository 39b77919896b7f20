import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { areaAverage, chestRadiographGate, readFilm, readIdentity } from '@sealward/imaging'
import { describe, expect, test } from 'vitest'
import { hasRadiographs, sharedFolder } from './data/radiographs.ts'
import { cardFile, metricsFile, modelFile, syntheticFolder } from './files.ts'
import { type Metrics, measureModel, readingsOf } from './measurement.ts'
import { readModel } from './network/graph.ts'
import { openSession, runAll } from './network/run.ts'

const model = readFileSync(modelFile)
const sha256 = createHash('sha256').update(model).digest('hex')
const metrics = JSON.parse(readFileSync(metricsFile, 'utf8')) as Metrics & {
  readonly model: string
  readonly screeningThreshold: number
}
const card = JSON.parse(readFileSync(cardFile, 'utf8')) as {
  readonly model: { readonly sha256: string }
  readonly operatingPoint: { readonly threshold: number; readonly sensitivity: number }
  readonly limits: readonly string[]
}

test('card and metrics are about exactly the committed model', () => {
  expect(card.model.sha256).toBe(sha256)
  expect(metrics.model).toBe(sha256)
  expect(card.operatingPoint.sensitivity).toBeCloseTo(metrics.test.balanced.sensitivity, 3)
  expect(card.limits.length).toBeGreaterThan(3)
})

test('the model says what it was made for and from', () => {
  const { metadata } = readModel(model)
  expect(metadata['task']).toContain('not a medical device')
  expect(metadata['data_licence']).toBe('CC BY 4.0')
  expect(metadata['data_sha256']).toMatch(/^[0-9a-f]{64}$/)
  expect(metadata['gate_threshold']).toBe('1')
  expect(JSON.parse(metadata['metrics'] ?? '').test.auc).toBe(metrics.test.auc)
})

test('the mean of the evidence map is the logit, and the probability follows from it', async () => {
  const session = await openSession(model)
  const pixels = Float32Array.from({ length: 3 * 4096 }, (_, index) => ((index * 37) % 256) / 255)
  const { evidence_map: map, logit, probability } = await runAll(session, pixels)
  for (let film = 0; film < 3; film++) {
    const cells = map?.subarray(film * 64, (film + 1) * 64) ?? new Float32Array()
    const mean = cells.reduce((sum, cell) => sum + cell, 0) / 64
    expect(logit?.[film]).toBeCloseTo(mean, 4)
    expect(probability?.[film]).toBeCloseTo(1 / (1 + Math.exp(-mean)), 5)
  }
})

test('synthetic films say that they are, pass both gates and are read both ways', async () => {
  const files = readdirSync(syntheticFolder).filter((name) => name.endsWith('.dcm'))
  const probabilities: number[] = []
  for (const name of files) {
    const bytes = readFileSync(join(syntheticFolder, name))
    expect(bytes.length).toBeLessThan(300_000)
    const film = await readFilm(bytes)
    if (!film.ok) throw new Error(film.problem.code)
    expect(chestRadiographGate(film.value).ok).toBe(true)
    const identity = readIdentity(bytes)
    expect(identity.ok && identity.value.family).toBe('Synthetic')
    expect(bytes.includes('SYNTHETIC film')).toBe(true)
    const pixels = areaAverage(film.value, 64, 64)
    const { gate, probability } = await readingsOf(model, { rows: [], pixels })
    expect(gate[0]).toBeLessThan(1)
    probabilities.push(probability[0] as number)
  }
  expect(files.length).toBeGreaterThanOrEqual(4)
  expect(Math.min(...probabilities)).toBeLessThan(0.1)
  expect(Math.max(...probabilities)).toBeGreaterThan(0.9)
})

const shared = sharedFolder()
const isShared = hasRadiographs(shared)
if (!isShared) process.stdout.write('No labelled films in ../shared/imaging: nothing to measure.\n')

describe.runIf(isShared)('on the films of ../shared/imaging', () => {
  test('the model achieves what its card says', { timeout: 30_000 }, async () => {
    const found = await measureModel(model, shared, metrics.screeningThreshold)
    process.stdout.write(
      `films measured: ${found.test.films} test, ${found.val.films} validation\n`,
    )
    expect(found.test.auc).toBeGreaterThanOrEqual(0.97)
    expect(found.test.balanced.accuracy).toBeGreaterThanOrEqual(0.93)
    // Another processor may tip a film that lies on the threshold.
    expect(found.test.auc).toBeCloseTo(metrics.test.auc, 3)
    expect(Math.abs(found.test.balanced.accuracy - metrics.test.balanced.accuracy)).toBeLessThan(
      2.5 / found.test.films,
    )
    expect(found.val.refusedByGate / found.val.films).toBeLessThanOrEqual(0.01)
    expect(found.gate.otherPictures).toBeGreaterThan(50)
    expect(found.gate.otherPicturesRefused).toBe(metrics.gate.otherPicturesRefused)
    expect(found.gate.adultChestFilmsRefused).toBe(metrics.gate.adultChestFilmsRefused)
  })
})
