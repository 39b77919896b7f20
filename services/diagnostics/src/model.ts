import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import {
  type DecryptModelCode,
  decryptModel,
  type ModelHeader,
  readHeader,
} from '@sealward/enclave/encrypted-model'
import * as z from 'zod'
import { limits } from './limits.ts'

/** What the card, which is measured with the service, says of the one model that is served. */
export interface ModelCard {
  readonly name: string
  readonly version: string
  /** Hex SHA-256 of the ONNX file. */
  readonly sha256: string
  /** JSON text of the card. */
  readonly card: string
}

/** The model that is served, and the card that describes exactly it. */
export interface ServedModel extends ModelCard {
  readonly bytes: Uint8Array
}

/** Above this the model's `gate` output says: not a chest radiograph. The graph divides by its own threshold. */
export const gateMax = 1

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
 * Reads the card from where the build put it, or from the project's `models/`.
 *
 * @throws Error when it is missing, too large, or not a card: the service is broken then.
 */
export function readModelCard(folder: string = cardFolder()): ModelCard {
  const path = `${folder}/${cardFile}`
  if (statSync(path).size > limits.cardBytesMax) throw new Error('the card is too large')
  const card = new TextDecoder().decode(readFileSync(path))
  const { model } = Card.parse(JSON.parse(card))
  return { ...model, card }
}

/** @returns the bytes of the file; `model-unreadable`, or `model-too-large`. */
export function readModelFile(
  path: string,
): Result<Uint8Array, Problem<'model-unreadable' | 'model-too-large'>> {
  try {
    return statSync(path).size > limits.modelBytesMax
      ? refuse('model-too-large', 'modelFile', 'The model is larger than this service takes.')
      : ok(readFileSync(path))
  } catch {
    return refuse('model-unreadable', 'modelFile', 'The model file cannot be read.')
  }
}

/** Under which key a model is encrypted; `model-not-encrypted`, `model-malformed`. */
export function modelKeyNamedIn(
  file: Uint8Array,
): Result<ModelHeader['key'], Problem<DecryptModelCode>> {
  const head = readHeader(file)
  return head.ok ? ok(head.value.header.key) : head
}

export type ServedModelCode = DecryptModelCode | 'model-unexpected'

/** Decrypts the model into memory. @returns the model, if it is the one that the card names. */
export function openEncryptedModel(
  card: ModelCard,
  file: Uint8Array,
  key: Uint8Array,
): Result<ServedModel, Problem<ServedModelCode>> {
  const opened = decryptModel(file, () => key)
  return opened.ok ? openPlainModel(card, opened.value.model) : opened
}

/** @returns the model, if it is the one that the card names; `model-unexpected` otherwise. */
export function openPlainModel(
  card: ModelCard,
  bytes: Uint8Array,
): Result<ServedModel, Problem<'model-unexpected'>> {
  return createHash('sha256').update(bytes).digest('hex') === card.sha256
    ? ok({ ...card, bytes })
    : refuse('model-unexpected', 'modelFile', 'This is not the model that the measured card names.')
}

function cardFolder(): string {
  const built = fileURLToPath(new URL('./model', import.meta.url))
  return existsSync(built) ? built : fileURLToPath(new URL('../../../models', import.meta.url))
}
