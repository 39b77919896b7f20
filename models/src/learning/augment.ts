import { inputSide } from '../network/parameters.ts'
import type { SeededRandom } from './random.ts'

const side = inputSide
const centre = (side - 1) / 2

/** How far a copy may be from its film. Each is drawn evenly from minus to plus the value, unless said. */
export interface Augmentation {
  readonly rotationDegreesMax: number
  readonly scaleMax: number
  /** Width against height: films are made square whatever their shape, and shapes vary. */
  readonly aspectMax: number
  /** Of the side. */
  readonly shiftMax: number
  readonly gammaExponentMax: number
  /** Of an S-shaped curve on top of gamma: films are developed differently. */
  readonly toneMax: number
  /** Of each term of a smooth shade over the film: exposure is never even. */
  readonly shadeMax: number
  /** Side of a square put to the film's mean, in pixels, drawn from 0 to this. */
  readonly holeMax: number
}

export const augmentation: Augmentation = {
  rotationDegreesMax: 10,
  scaleMax: 0.2,
  aspectMax: 0.3,
  shiftMax: 0.1,
  gammaExponentMax: 0.5,
  toneMax: 0.3,
  shadeMax: 0.15,
  holeMax: 20,
}

/**
 * Writes a moved, re-toned and shaded copy of an image; no flip, since a chest has sides.
 *
 * @param image - 64 x 64 grey in [0, 1].
 * @param target - where the copy goes, as large.
 */
export function augment(
  image: Float32Array,
  target: Float32Array,
  limits: Augmentation,
  random: SeededRandom,
): void {
  const sample = moved(image, limits, random)
  const tone = toned(limits, random)
  const shade = shaded(limits, random)
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      target[row * side + column] = tone(sample(row, column)) + shade(row, column)
    }
  }
  cutHole(target, Math.floor(random.uniform() * (limits.holeMax + 1)), random)
}

type At = (row: number, column: number) => number

const either = (random: SeededRandom): number => random.uniform() * 2 - 1

/** Turned, scaled and shifted. Bilinear between pixels; beyond the edge, the edge. */
function moved(image: Float32Array, limits: Augmentation, random: SeededRandom): At {
  const angle = (either(random) * limits.rotationDegreesMax * Math.PI) / 180
  const scale = 1 + either(random) * limits.scaleMax
  const aspect = Math.exp((either(random) * limits.aspectMax) / 2)
  const right = either(random) * limits.shiftMax * side
  const down = either(random) * limits.shiftMax * side
  const cosine = Math.cos(angle) / scale
  const sine = Math.sin(angle) / scale
  return (row, column) => {
    const dx = (column - centre - right) / aspect
    const dy = (row - centre - down) * aspect
    const x = withinSide(centre + cosine * dx + sine * dy)
    const y = withinSide(centre - sine * dx + cosine * dy)
    const left = Math.min(Math.floor(x), side - 2)
    const top = Math.min(Math.floor(y), side - 2)
    const fx = x - left
    const fy = y - top
    const at = top * side + left
    const above = (image[at] as number) * (1 - fx) + (image[at + 1] as number) * fx
    const below = (image[at + side] as number) * (1 - fx) + (image[at + side + 1] as number) * fx
    return above * (1 - fy) + below * fy
  }
}

function toned(limits: Augmentation, random: SeededRandom): (grey: number) => number {
  const gamma = Math.exp(either(random) * limits.gammaExponentMax)
  const bend = 4 * either(random) * limits.toneMax
  return (grey) => {
    const value = grey ** gamma
    return value + bend * value * (1 - value) * (1 - 2 * value)
  }
}

/** A polynomial of the second degree over the film. */
function shaded(limits: Augmentation, random: SeededRandom): At {
  const term = (): number => either(random) * limits.shadeMax
  const [u1, v1, u2, v2, uv] = [term(), term(), term(), term(), term()]
  return (row, column) => {
    const u = row / centre - 1
    const v = column / centre - 1
    return u1 * u + v1 * v + u2 * u * u + v2 * v * v + uv * u * v
  }
}

function cutHole(image: Float32Array, hole: number, random: SeededRandom): void {
  if (hole === 0) return
  const mean = image.reduce((sum, value) => sum + value, 0) / image.length
  const top = Math.floor(random.uniform() * (side - hole + 1))
  const left = Math.floor(random.uniform() * (side - hole + 1))
  for (let row = top; row < top + hole; row++) {
    image.fill(mean, row * side + left, row * side + left + hole)
  }
}

function withinSide(position: number): number {
  return Math.min(Math.max(position, 0), side - 1)
}
