import { base64UrlOf, jsonOf, ok, type Result, utf8Of } from '@sealward/attestation/bytes'
import { failure, type PeerFailure } from '@sealward/enclave/peers'
import { z } from 'zod'
import { inferenceAnswerBytesMax } from '../limits.ts'

/** What the model is fed: 64 x 64 grey values in [0, 1]. */
export const modelInput = { rows: 64, columns: 64 } as const
/** The evidence map: 8 x 8. */
const evidenceMapSide = 8

/** What the model gave back. */
export interface Outputs {
  readonly probability: number
  readonly logit: number
  /** Row by row; its mean is the logit. */
  readonly evidenceMap: readonly (readonly number[])[]
  readonly gate: number
  /** Little-endian FP32 of logit, probability and evidence map, as the statement's digest covers them. */
  readonly signedBytes: Uint8Array
  /** Compact JWS by the provider. */
  readonly statement: string
}

/** 32 bytes each: with them the provider salts the two digests of its statement. They never lie beside it. */
export interface StatementSalts {
  readonly input: Uint8Array
  readonly output: Uint8Array
}

/**
 * An inference request with its tensor in binary.
 *
 * @param image little-endian FP32, row by row.
 * @see Open Inference Protocol v2, and Triton's binary tensor extension
 */
export function printInference(
  requestId: string,
  image: Uint8Array,
  salts: StatementSalts,
): { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array } {
  const head = utf8Of(
    JSON.stringify({
      id: requestId,
      parameters: {
        binary_data_output: true,
        input_salt: base64UrlOf(salts.input),
        output_salt: base64UrlOf(salts.output),
      },
      inputs: [
        {
          name: 'image',
          shape: [1, 1, modelInput.rows, modelInput.columns],
          datatype: 'FP32',
          parameters: { binary_data_size: image.length },
        },
      ],
    }),
  )
  const body = new Uint8Array(head.length + image.length)
  body.set(head)
  body.set(image, head.length)
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    },
    body,
  }
}

const Output = z.object({
  name: z.string(),
  datatype: z.literal('FP32'),
  shape: z.array(z.number().int().nonnegative()),
  data: z.array(z.number()).optional(),
  parameters: z.object({ binary_data_size: z.number().int().nonnegative() }).optional(),
})
const Head = z.object({
  id: z.string().optional(),
  outputs: z.array(Output).max(16),
  parameters: z.object({ statement: z.string().max(16_384) }),
})

/** Reads the answer to {@link printInference}, tensors in binary or in JSON. */
export function parseInference(
  requestId: string,
  headLength: string | undefined,
  body: Uint8Array,
): Result<Outputs, PeerFailure> {
  const length = headLength === undefined ? body.length : Number(headLength)
  if (
    body.length > inferenceAnswerBytesMax ||
    !Number.isInteger(length) ||
    length < 2 ||
    length > body.length
  ) {
    return malformed('head')
  }
  const json = jsonOf(body.subarray(0, length), { bytesMax: inferenceAnswerBytesMax, depthMax: 16 })
  const head = Head.safeParse(json.ok ? json.value : undefined)
  if (!head.success || (head.data.id !== undefined && head.data.id !== requestId))
    return malformed('head')
  const tensors = new Map<string, Uint8Array>()
  let offset = length
  for (const output of head.data.outputs) {
    const size = output.parameters?.binary_data_size
    const bytes =
      size === undefined
        ? output.data === undefined
          ? undefined
          : floatBytes(output.data)
        : body.subarray(offset, offset + size)
    if (bytes === undefined || (size !== undefined && bytes.length !== size))
      return malformed(output.name)
    offset += size ?? 0
    tensors.set(output.name, bytes)
  }
  const [probability, logit, map, gate] = ['probability', 'logit', 'evidence_map', 'gate'].map(
    (name) => tensors.get(name),
  )
  if (
    probability?.length !== 4 ||
    logit?.length !== 4 ||
    gate?.length !== 4 ||
    map?.length !== 4 * evidenceMapSide ** 2
  ) {
    return malformed('outputs')
  }
  const numbers = floatsOf(map)
  const outputs: Outputs = {
    probability: floatsOf(probability)[0] ?? Number.NaN,
    logit: floatsOf(logit)[0] ?? Number.NaN,
    gate: floatsOf(gate)[0] ?? Number.NaN,
    evidenceMap: Array.from({ length: evidenceMapSide }, (_, row) =>
      numbers.slice(row * evidenceMapSide, (row + 1) * evidenceMapSide),
    ),
    signedBytes: Buffer.concat([logit, probability, map]),
    statement: head.data.parameters.statement,
  }
  return isCoherent(outputs, numbers) ? ok(outputs) : malformed('values')
}

/** Finite, a probability that is one, and a map whose mean is the logit: else the map would show another reading. */
function isCoherent(outputs: Outputs, map: readonly number[]): boolean {
  const mean = map.reduce((sum, value) => sum + value, 0) / map.length
  return (
    [outputs.probability, outputs.logit, outputs.gate, ...map].every(Number.isFinite) &&
    outputs.probability >= 0 &&
    outputs.probability <= 1 &&
    Math.abs(mean - outputs.logit) <= 1e-3 * Math.max(1, Math.abs(outputs.logit))
  )
}

/** Little-endian FP32 as numbers. */
export function floatsOf(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true))
}

/** Numbers as little-endian FP32. */
export function floatBytes(numbers: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 4)
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < numbers.length; index++) {
    view.setFloat32(index * 4, numbers[index] ?? Number.NaN, true)
  }
  return bytes
}

/** The code in a refusal of the provider's: a problem document's, or a plain one. */
export function refusalCode(body: Uint8Array): string | undefined {
  const json = jsonOf(body, { bytesMax: 65_536, depthMax: 8 })
  if (!json.ok || typeof json.value !== 'object' || json.value === null) return undefined
  const [type, code] = [Reflect.get(json.value, 'type'), Reflect.get(json.value, 'code')]
  const text =
    typeof type === 'string' && type.startsWith('urn:sealward:problem:')
      ? type.slice('urn:sealward:problem:'.length)
      : code
  return typeof text === 'string' && /^[a-z][a-z0-9-]{1,63}$/.test(text) ? text : undefined
}

const malformed = (at: string): { readonly ok: false; readonly problem: PeerFailure } =>
  failure('refused', 'answer-malformed', at, 'The provider answers in a form that is not agreed.')
