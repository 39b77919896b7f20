import { concat, utf8Of } from '@sealward/attestation/bytes'
import type { Reading } from '../inference/inference.ts'
import type { InferRequest } from './infer-request.ts'
import { floatBytes, outputs } from './tensors.ts'

export interface InferResponse {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/**
 * Prints an answer: JSON, followed by the raw tensors that were asked for so.
 *
 * @see Open Inference Protocol v2, inference response; Triton, binary tensor data extension
 */
export function printInferResponse(
  model: { readonly name: string; readonly version: string },
  id: string,
  wanted: InferRequest['outputs'],
  reading: Reading,
  statement: string | undefined,
): InferResponse {
  const raw: Uint8Array[] = []
  const tensors = wanted.map(({ name, binary }) => {
    const facts = outputs.find((output) => output.name === name)
    const numbers = reading[name as keyof Reading]
    if (!binary) return { ...facts, data: Array.from(numbers) }
    const bytes = floatBytes(numbers)
    raw.push(bytes)
    return { ...facts, parameters: { binary_data_size: bytes.length } }
  })
  const head = utf8Of(
    JSON.stringify({
      model_name: model.name,
      model_version: model.version,
      id,
      ...(statement === undefined ? {} : { parameters: { statement } }),
      outputs: tensors,
    }),
  )
  if (raw.length === 0) {
    return { headers: { 'content-type': 'application/json; charset=utf-8' }, body: head }
  }
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    },
    body: concat(head, ...raw),
  }
}
