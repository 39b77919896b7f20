import {
  bytesOfBase64Url,
  type JsonCode,
  jsonOf,
  ok,
  type Problem,
  type Result,
  refuse,
} from '@sealward/attestation/bytes'
import * as z from 'zod'
import { limits } from '../limits.ts'
import { floatsOf, input, outputs, sizeOf } from './tensors.ts'

/** A request that the model can answer. */
export interface InferRequest {
  readonly id: string | undefined
  /** Grey in [0, 1], row by row. */
  readonly image: Float32Array<ArrayBuffer>
  /** Which outputs, in which order, and which of them as raw bytes. */
  readonly outputs: readonly { readonly name: string; readonly binary: boolean }[]
  /** Absent: no statement is asked for. */
  readonly salts?: StatementSalts
}

/** 32 bytes each, drawn by whoever asks: what the statement's two digests are salted with. */
export interface StatementSalts {
  readonly input: Uint8Array
  readonly output: Uint8Array
}

/** Why a request for inference was refused. */
export type InferCode =
  | JsonCode
  | 'header-length'
  | 'malformed-request'
  | 'unknown-input'
  | 'unknown-output'
  | 'unsupported-datatype'
  | 'wrong-shape'
  | 'tensor-too-large'
  | 'tensor-size'
  | 'tensor-value'
  | 'trailing-bytes'

/**
 * Parses a request for inference, its tensor in JSON or as raw bytes after it.
 *
 * @param body - JSON, or JSON ‖ raw tensor.
 * @param headerLength - value of `Inference-Header-Content-Length`: bytes of the JSON.
 * @returns the request, or one of {@link InferCode}.
 * @see Open Inference Protocol v2, inference request; Triton, binary tensor data extension
 */
export function parseInferRequest(
  body: Uint8Array,
  headerLength: string | undefined,
): Result<InferRequest, Problem<InferCode>> {
  const length = headerLength === undefined ? body.length : lengthOf(headerLength)
  if (length === undefined || length > body.length) {
    return refuse('header-length', 'inference-header-content-length', 'not a length of the body')
  }
  const json = jsonOf(body.subarray(0, length), {
    bytesMax: limits.requestBytesMax,
    depthMax: limits.jsonDepthMax,
  })
  if (!json.ok) return json
  const parsed = Request.safeParse(json.value)
  if (!parsed.success) {
    const at = parsed.error.issues[0]?.path.join('.') ?? ''
    return refuse('malformed-request', at === '' ? '$' : at, 'not an inference request')
  }
  const { id, inputs, parameters } = parsed.data
  const wanted = parsed.data.outputs
  const [tensor] = inputs
  if (tensor === undefined || inputs.length !== 1 || tensor.name !== input.name) {
    return refuse('unknown-input', 'inputs', `exactly one is expected: ${input.name}`)
  }
  const image = imageOf(tensor, body.subarray(length))
  if (!image.ok) return image
  const salts = saltsOf(parameters?.input_salt, parameters?.output_salt)
  const asked = { id, image: image.value, ...(salts === undefined ? {} : { salts }) }
  const binary = parameters?.binary_data_output === true
  const named = outputs.map(({ name }) => ({ name, binary }))
  if (wanted === undefined || wanted.length === 0) {
    return ok({ ...asked, outputs: named })
  }
  const unknown = wanted.findIndex(({ name }) => !outputs.some((output) => output.name === name))
  if (unknown >= 0) {
    return refuse('unknown-output', `outputs[${unknown}].name`, 'the model has no such output')
  }
  if (new Set(wanted.map(({ name }) => name)).size !== wanted.length) {
    return refuse('malformed-request', 'outputs', 'an output is named twice')
  }
  const chosen = wanted.map(({ name, parameters: own }) => ({
    name,
    binary: own?.binary_data ?? binary,
  }))
  return ok({ ...asked, outputs: chosen })
}

const Id = z
  .string()
  .max(limits.idCharactersMax)
  .regex(/^[\x21-\x7e]+$/)

const Tensor = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.int().nonnegative()).max(8),
  data: z.array(z.unknown()).optional(),
  parameters: z.object({ binary_data_size: z.int().nonnegative().optional() }).optional(),
})

/** Base64url of 32 bytes. */
const Salt = z.string().transform((text, context) => {
  const bytes = bytesOfBase64Url(text)
  if (bytes?.length === 32) return bytes
  context.addIssue({ code: 'custom', message: 'base64url of 32 bytes expected' })
  return z.NEVER
})

const Request = z.object({
  id: Id.optional(),
  parameters: z
    .object({
      binary_data_output: z.boolean().optional(),
      input_salt: Salt.optional(),
      output_salt: Salt.optional(),
    })
    .refine((given) => (given.input_salt === undefined) === (given.output_salt === undefined))
    .optional(),
  inputs: z.array(Tensor).min(1).max(16),
  outputs: z
    .array(
      z.object({
        name: z.string(),
        parameters: z.object({ binary_data: z.boolean().optional() }).optional(),
      }),
    )
    .max(limits.outputsMax)
    .optional(),
})

function saltsOf(
  input: Uint8Array | undefined,
  output: Uint8Array | undefined,
): StatementSalts | undefined {
  return input === undefined || output === undefined ? undefined : { input, output }
}

function imageOf(
  tensor: z.infer<typeof Tensor>,
  raw: Uint8Array,
): Result<Float32Array<ArrayBuffer>, Problem<InferCode>> {
  if (tensor.datatype !== input.datatype) {
    return refuse('unsupported-datatype', 'inputs[0].datatype', `${input.datatype} is expected`)
  }
  if (tensor.shape.join() !== input.shape.join()) {
    return refuse('wrong-shape', 'inputs[0].shape', `[${input.shape.join()}] is expected`)
  }
  const size = tensor.parameters?.binary_data_size
  const numbers = size === undefined ? numbersOf(tensor.data, raw) : rawNumbers(tensor, size, raw)
  if (!numbers.ok) return numbers
  // NaN fails both comparisons; a grey value outside [0, 1] was not made by the agreed scaling.
  const outside = numbers.value.findIndex((value) => !(value >= 0 && value <= 1))
  return outside < 0
    ? numbers
    : refuse('tensor-value', `inputs[0].data[${outside}]`, 'not a grey value in [0, 1]')
}

function rawNumbers(
  { data }: z.infer<typeof Tensor>,
  size: number,
  raw: Uint8Array,
): Result<Float32Array<ArrayBuffer>, Problem<InferCode>> {
  const at = 'inputs[0].parameters.binary_data_size'
  if (data !== undefined) return refuse('malformed-request', 'inputs[0].data', 'given twice')
  if (size > limits.tensorBytesMax) {
    return refuse('tensor-too-large', at, `more than ${limits.tensorBytesMax} bytes`)
  }
  if (size !== sizeOf(input.shape) * 4 || size > raw.length) {
    return refuse('tensor-size', at, 'not the size of this shape, or not all there')
  }
  if (size < raw.length) return refuse('trailing-bytes', 'body', 'the body continues')
  return ok(floatsOf(raw))
}

function numbersOf(
  data: readonly unknown[] | undefined,
  raw: Uint8Array,
): Result<Float32Array<ArrayBuffer>, Problem<InferCode>> {
  if (raw.length > 0) return refuse('trailing-bytes', 'body', 'the body continues')
  if (data === undefined) return refuse('malformed-request', 'inputs[0].data', 'missing')
  const size = sizeOf(input.shape)
  if (data.length > size) {
    return refuse('tensor-too-large', 'inputs[0].data', `more than ${size} numbers`)
  }
  const flat = Array.isArray(data[0]) ? flattened(data, input.shape) : data
  if (flat?.length !== size) {
    return refuse('tensor-size', 'inputs[0].data', `${size} numbers are expected`)
  }
  const wrong = flat.findIndex((value) => typeof value !== 'number')
  if (wrong >= 0) return refuse('tensor-value', `inputs[0].data[${wrong}]`, 'not a number')
  return ok(Float32Array.from(flat as number[]))
}

/** Nested arrays row by row; `undefined` where they do not have the shape. */
function flattened(
  data: readonly unknown[],
  [side, ...inner]: readonly number[],
): unknown[] | undefined {
  if (data.length !== side) return undefined
  if (inner.length === 0) return [...data]
  const flat: unknown[] = []
  for (const item of data) {
    const numbers = Array.isArray(item) ? flattened(item, inner) : undefined
    if (numbers === undefined) return undefined
    flat.push(...numbers)
  }
  return flat
}

function lengthOf(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}
