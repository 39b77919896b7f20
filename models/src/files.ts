import { join } from 'node:path'

const folder = join(import.meta.dirname, '..')

/** Where the trained model and what is known of it are kept. */
export const modelFile: string = join(folder, 'chest-pneumonia.onnx')
export const metricsFile: string = join(folder, 'chest-pneumonia.metrics.json')
export const cardFile: string = join(folder, 'chest-pneumonia.card.json')
export const cardPage: string = join(folder, 'MODEL_CARD.md')
export const syntheticFolder: string = join(folder, 'synthetic-films')

/** JSON as these files have it. */
export function printJson(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}
