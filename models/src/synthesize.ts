/**
 * Makes the synthetic films: `node models/src/synthesize.ts`.
 *
 * Each is a class's average film plus its principal components with random coefficients, so that
 * hundreds of films go into every pixel and none is in it.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { areaAverage, readFilm, renderPng, wrapImage } from '@sealward/imaging'
import { hasRadiographs, type Row, readRows, sharedFolder } from './data/radiographs.ts'
import { modelFile, syntheticFolder } from './files.ts'
import { eigenOf } from './gate/symmetric.ts'
import { permutation, type SeededRandom, seededRandom } from './learning/random.ts'
import { type Measured, readingsOf } from './measurement.ts'
import { inputSide } from './network/parameters.ts'

/** Side of the pictures that the components are found in, and of the films that are written. */
const componentSide = 192
const filmSide = 384
/** Films of each class that go into its components. */
const filmsEach = 400
const componentsEach = 60
const drawsMax = 200

/** What is written, in this order; a draw that the model or the gate sees otherwise is drawn again. */
const wanted: readonly {
  readonly pneumonia: boolean
  readonly low: number
  readonly high: number
}[] = [
  { pneumonia: true, low: 0.9, high: 1 },
  { pneumonia: false, low: 0, high: 0.1 },
  { pneumonia: true, low: 0.9, high: 1 },
  { pneumonia: false, low: 0, high: 0.1 },
  { pneumonia: false, low: 0.3, high: 0.7 },
]
/** Well inside the gate, which refuses above 1. */
const gateComfortable = 0.8

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const shared = sharedFolder()
if (!hasRadiographs(shared)) {
  say('There are no films to learn from: ../shared/imaging is absent. The committed films stay.')
  process.exit(1)
}
const random = seededRandom(406)
const model = readFileSync(modelFile)
const classes = {
  pneumonia: await componentsOf(true),
  normal: await componentsOf(false),
}
mkdirSync(syntheticFolder, { recursive: true })
for (const [index, { pneumonia, low, high }] of wanted.entries()) {
  const number = index + 1
  const { grey, probability, gate } = await drawn(
    pneumonia ? classes.pneumonia : classes.normal,
    low,
    high,
  )
  const file = join(syntheticFolder, `synthetic-${number}.dcm`)
  writeFileSync(file, await filmOf(grey, number))
  say(`synthetic-${number}.dcm: probability ${probability.toFixed(3)}, gate ${gate.toFixed(2)}`)
}

/** A class's average film and its principal components, each as long as its deviation. */
interface Components {
  readonly mean: Float64Array
  readonly scaled: readonly Float64Array[]
}

async function componentsOf(pneumonia: boolean): Promise<Components> {
  const rows = readRows(shared).filter(
    (row) => row.split === 'train' && row.duplicateOf === undefined && row.pneumonia === pneumonia,
  )
  const order = permutation(rows.length, random).subarray(0, filmsEach)
  const films: Float64Array[] = []
  for (const index of order) films.push(await pixelsOf(rows[index] as Row))
  const size = componentSide * componentSide
  const mean = new Float64Array(size)
  for (const film of films) addTo(mean, film, 1 / films.length)
  for (const film of films) addTo(film, mean, -1)
  // Few films, many pixels: the components come from how films go together, not pixels.
  const count = films.length
  const gram = new Float64Array(count * count)
  for (let one = 0; one < count; one++) {
    for (let other = one; other < count; other++) {
      const product = dot(films[one] as Float64Array, films[other] as Float64Array) / count
      gram[one * count + other] = product
      gram[other * count + one] = product
    }
  }
  const { vectors } = eigenOf(gram, count)
  const scaled = Array.from({ length: componentsEach }, (_, component) => {
    // A unit vector over the films gives a component whose length is its deviation.
    const sum = new Float64Array(size)
    films.forEach((film, index) => {
      addTo(sum, film, (vectors[component * count + index] as number) / Math.sqrt(count))
    })
    return sum
  })
  return { mean, scaled }
}

async function pixelsOf(row: Row): Promise<Float64Array> {
  const film = await readFilm(readFileSync(join(shared, 'imaging', row.path)))
  if (!film.ok) throw new Error(`${row.path}: ${film.problem.code}`)
  return Float64Array.from(areaAverage(film.value, componentSide, componentSide))
}

async function drawn(
  components: Components,
  low: number,
  high: number,
): Promise<{ readonly grey: Float32Array; readonly probability: number; readonly gate: number }> {
  for (let draw = 0; draw < drawsMax; draw++) {
    const grey = enlarged(combined(components, random))
    const picture = { rows: filmSide, columns: filmSide, grey }
    const pixels = areaAverage(picture, inputSide, inputSide)
    const read: Measured = await readingsOf(model, { rows: [], pixels })
    const [probability, gate] = [read.probability[0] as number, read.gate[0] as number]
    if (gate <= gateComfortable && probability >= low && probability <= high) {
      return { grey, probability, gate }
    }
  }
  throw new Error('no draw is as wanted')
}

function combined({ mean, scaled }: Components, source: SeededRandom): Float64Array {
  const film = mean.slice()
  for (const component of scaled) {
    addTo(film, component, source.normal())
  }
  return film
}

/** Bilinear, with a film's grain, in 256 grey values. */
function enlarged(film: Float64Array): Float32Array {
  const ratio = componentSide / filmSide
  return Float32Array.from({ length: filmSide * filmSide }, (_, index) => {
    const y = withinFilm((Math.floor(index / filmSide) + 0.5) * ratio - 0.5)
    const x = withinFilm(((index % filmSide) + 0.5) * ratio - 0.5)
    const top = Math.min(Math.floor(y), componentSide - 2)
    const left = Math.min(Math.floor(x), componentSide - 2)
    const at = top * componentSide + left
    const [fy, fx] = [y - top, x - left]
    const above = (film[at] as number) * (1 - fx) + (film[at + 1] as number) * fx
    const below =
      (film[at + componentSide] as number) * (1 - fx) +
      (film[at + componentSide + 1] as number) * fx
    const value = above * (1 - fy) + below * fy + 0.008 * random.normal()
    return Math.round(Math.min(Math.max(value, 0), 1) * 255) / 255
  })
}

async function filmOf(grey: Float32Array, number: number): Promise<Uint8Array> {
  const png = renderPng({ rows: filmSide, columns: filmSide, grey }, { longestSideMax: filmSide })
  const film = await wrapImage(png, {
    kind: 'dx',
    synthetic: true,
    studyInstanceUid: uidOf(`study ${number}`),
    seriesInstanceUid: uidOf(`series ${number}`),
    sopInstanceUid: uidOf(`instance ${number}`),
    patient: {
      name: `Synthetic^${['One', 'Two', 'Three', 'Four', 'Five'][number - 1] ?? number}`,
      patientId: `SYN-000${number}`,
      birthDate: `202${number % 4}-0${number}-15`,
      sex: number % 2 === 0 ? 'female' : 'male',
    },
    attributes: {
      ViewPosition: 'AP',
      StudyDate: '20261123',
      Manufacturer: 'Sealward',
      ImageComments: 'SYNTHETIC film, computed from averages; shows no real person',
    },
  })
  if (!film.ok) throw new Error(film.problem.code)
  return film.value
}

/** The same film has the same UID every time (PS3.5, annex B.2). */
function uidOf(what: string): string {
  const digest = createHash('sha256').update(`sealward synthetic film ${what}`).digest('hex')
  return `2.25.${BigInt(`0x${digest.slice(0, 32)}`)}`
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0
  for (let at = 0; at < one.length; at++) sum += (one[at] as number) * (other[at] as number)
  return sum
}

function addTo(vector: Float64Array, other: Float64Array, factor: number): void {
  for (let at = 0; at < vector.length; at++) {
    vector[at] = (vector[at] as number) + (other[at] as number) * factor
  }
}

function withinFilm(position: number): number {
  return Math.min(Math.max(position, 0), componentSide - 1)
}
