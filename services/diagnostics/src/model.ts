import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { limits } from './limits.ts'

/** The model that is served, and the card that describes exactly it. */
export interface ServedModel {
  readonly name: string
  readonly version: string
  /** Hex SHA-256 of the ONNX file. */
  readonly sha256: string
  readonly bytes: Uint8Array
  /** JSON text of the card. */
  readonly card: string
}

/** Above this the model's `gate` output says: not a chest radiograph. The graph divides by its own threshold. */
export const gateMax = 1

const modelFile = 'chest-pneumonia.onnx'
const cardFile = 'chest-pneumonia.card.json'

const Card = z.object({
  model: z.object({
    name: z.string().regex(/^[a-z0-9-]{1,64}$/),
    version: z.string().regex(/^[0-9A-Za-z.-]{1,32}$/),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  operatingPoint: z.object({
    threshold: z.number(),
    sensitivity: z.number(),
    specificity: z.number(),
  }),
})

/**
 * Reads model and card from where the build put them, or from the project's `models/`.
 *
 * @throws Error when one is missing, too large, or the card describes another model.
 */
export function readServedModel(folder: string = modelFolder()): ServedModel {
  const bytes = readFileAtMost(`${folder}/${modelFile}`, limits.modelBytesMax)
  const card = new TextDecoder().decode(
    readFileAtMost(`${folder}/${cardFile}`, limits.cardBytesMax),
  )
  const { model } = Card.parse(JSON.parse(card))
  if (createHash('sha256').update(bytes).digest('hex') !== model.sha256) {
    throw new Error('the card describes another model')
  }
  return { ...model, bytes, card }
}

function modelFolder(): string {
  const built = fileURLToPath(new URL('./model', import.meta.url))
  return existsSync(built) ? built : fileURLToPath(new URL('../../../models', import.meta.url))
}

function readFileAtMost(path: string, bytesMax: number): Uint8Array {
  if (statSync(path).size > bytesMax) throw new Error('the model or its card is too large')
  return readFileSync(path)
}
