import { fileURLToPath } from 'node:url'
import { openPlainModel, readModelCard, readModelFile, type ServedModel } from '../model.ts'

/** Where the trained model is, as it was made. */
export const trainedModelFile: string = fileURLToPath(
  new URL('../../../../models/chest-pneumonia.onnx', import.meta.url),
)

/** The trained model and its card. */
export function readTrainedModel(): ServedModel {
  const file = readModelFile(trainedModelFile)
  const model = file.ok ? openPlainModel(readModelCard(), file.value) : file
  if (!model.ok) throw new Error(model.problem.code)
  return model.value
}
