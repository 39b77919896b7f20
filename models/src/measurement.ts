/**
 * What a model achieves on the films that are there.
 *
 * @module
 */

import { isHumanChest, readPictures } from './data/other-pictures.ts'
import { type Radiographs, type Row, readRadiographs, readRows } from './data/radiographs.ts'
import { areaUnderCurve, type OperatingPoint, operatingPoint } from './measures.ts'
import { openSession, runAll } from './network/run.ts'

/** One part of the labelled films. */
export interface PartMetrics {
  readonly films: number
  readonly pneumonia: number
  readonly normal: number
  readonly auc: number
  /** At a probability of 0.5. */
  readonly balanced: OperatingPoint
  /** At the threshold that was chosen on val. */
  readonly screening: OperatingPoint
  readonly refusedByGate: number
}

/** What the gate does with pictures that are not the labelled films. */
export interface GateMetrics {
  /** Not of a human chest. */
  readonly otherPictures: number
  readonly otherPicturesRefused: number
  /** Names of those that pass, with their gate value. */
  readonly otherPicturesThatPass: readonly string[]
  readonly adultChestFilms: number
  readonly adultChestFilmsRefused: number
  /** Test films turned by 90 degrees, upside down, or with black and white exchanged: share refused. */
  readonly refusedTurnedLeft: number
  readonly refusedUpsideDown: number
  readonly refusedInverted: number
}

export interface Metrics {
  readonly val: PartMetrics
  readonly test: PartMetrics
  /** The same part with the copies of films that it has twice. */
  readonly testWithDuplicates: {
    readonly films: number
    readonly auc: number
    readonly accuracy: number
  }
  readonly testBacteriaAgainstNormal: { readonly auc: number }
  readonly testVirusAgainstNormal: { readonly auc: number }
  readonly native: PartMetrics
  readonly gate: GateMetrics
}

/**
 * Measures a model.
 *
 * @param threshold - of the screening point, chosen on val.
 */
export async function measureModel(
  model: Uint8Array,
  shared: string,
  threshold: number,
): Promise<Metrics> {
  const rows = readRows(shared)
  const unique = (split: Row['split']): Row[] =>
    rows.filter((row) => row.split === split && row.duplicateOf === undefined)
  const read = async (some: readonly Row[]): Promise<Measured> =>
    readingsOf(model, await readRadiographs(shared, some))
  const whole = await read(rows.filter((row) => row.split === 'test'))
  const test = keep(whole, (row) => row.duplicateOf === undefined)
  return {
    val: partMetrics(await read(unique('val')), threshold),
    test: partMetrics(test, threshold),
    testWithDuplicates: {
      films: whole.films.rows.length,
      auc: areaUnderCurve(labelsOf(whole.films), whole.logit),
      accuracy: operatingPoint(labelsOf(whole.films), whole.probability, 0.5).accuracy,
    },
    testBacteriaAgainstNormal: { auc: aucOf(test, (row) => row.subtype !== 'virus') },
    testVirusAgainstNormal: { auc: aucOf(test, (row) => row.subtype !== 'bacteria') },
    native: partMetrics(await read(unique('native')), threshold),
    gate: await gateMetrics(model, shared, test.films),
  }
}

/** Films and what the model says of each. */
export interface Measured {
  readonly films: Radiographs
  readonly logit: Float32Array
  readonly probability: Float32Array
  readonly gate: Float32Array
}

/** Runs a model over films. */
export async function readingsOf(model: Uint8Array, films: Radiographs): Promise<Measured> {
  const session = await openSession(model)
  const outputs = await runAll(session, films.pixels)
  await session.release()
  const output = (name: string): Float32Array => {
    const found = outputs[name]
    if (found === undefined) throw new Error(`the model has no output ${name}`)
    return found
  }
  return {
    films,
    logit: output('logit'),
    probability: output('probability'),
    gate: output('gate'),
  }
}

/** Whether each film shows pneumonia. */
export function labelsOf({ rows }: Radiographs): boolean[] {
  return rows.map((row) => row.pneumonia)
}

/** What a model does on one part. */
export function partMetrics(measured: Measured, threshold: number): PartMetrics {
  const labels = labelsOf(measured.films)
  const pneumonia = labels.filter((label) => label).length
  return {
    films: labels.length,
    pneumonia,
    normal: labels.length - pneumonia,
    auc: areaUnderCurve(labels, measured.logit),
    balanced: operatingPoint(labels, measured.probability, 0.5),
    screening: operatingPoint(labels, measured.probability, threshold),
    refusedByGate: refusals(measured.gate),
  }
}

function aucOf(measured: Measured, keeps: (row: Row) => boolean): number {
  const { films, logit } = keep(measured, keeps)
  return areaUnderCurve(labelsOf(films), logit)
}

/** Some of the films, and what was said of them. */
function keep(measured: Measured, keeps: (row: Row) => boolean): Measured {
  const { rows, pixels } = measured.films
  const kept = rows.flatMap((row, index) => (keeps(row) ? [index] : []))
  const some = (values: Float32Array): Float32Array =>
    Float32Array.from(kept, (index) => values[index] as number)
  const size = pixels.length / rows.length
  const fewer = new Float32Array(kept.length * size)
  kept.forEach((index, place) => {
    fewer.set(pixels.subarray(index * size, (index + 1) * size), place * size)
  })
  return {
    films: { rows: kept.map((index) => rows[index] as Row), pixels: fewer },
    logit: some(measured.logit),
    probability: some(measured.probability),
    gate: some(measured.gate),
  }
}

async function gateMetrics(
  model: Uint8Array,
  shared: string,
  films: Radiographs,
): Promise<GateMetrics> {
  const pictures = await readPictures(shared, 'real')
  const { gate } = await readingsOf(model, { rows: [], pixels: pictures.pixels })
  const shown = pictures.names.map((name, index) => ({
    name,
    chest: isHumanChest(name),
    gate: gate[index] as number,
  }))
  const others = shown.filter(({ chest }) => !chest)
  const adults = shown.filter(({ chest }) => chest)
  const share = async (move: (index: number) => number, sign: 1 | -1): Promise<number> => {
    const pixels = films.pixels.map((_, index) => {
      const source = films.pixels[(index & ~4095) + move(index & 4095)] as number
      return sign === 1 ? source : 1 - source
    })
    const moved = await readingsOf(model, { rows: [], pixels })
    return refusals(moved.gate) / films.rows.length
  }
  return {
    otherPictures: others.length,
    otherPicturesRefused: others.filter((picture) => picture.gate > 1).length,
    otherPicturesThatPass: others
      .filter((picture) => !(picture.gate > 1))
      .map((picture) => `${picture.name} (${picture.gate.toFixed(2)})`),
    adultChestFilms: adults.length,
    adultChestFilmsRefused: adults.filter((picture) => picture.gate > 1).length,
    refusedTurnedLeft: await share((at) => (at & 63) * 64 + (63 - (at >> 6)), 1),
    refusedUpsideDown: await share((at) => 4095 - at, 1),
    refusedInverted: await share((at) => at, -1),
  }
}

function refusals(gate: Float32Array): number {
  return gate.filter((value) => value > 1).length
}
