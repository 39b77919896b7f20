import { createCipheriv, createHash, type Hash } from 'node:crypto'
import { concat, hexOf, ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { type Random, systemRandom } from '../effects/index.ts'
import { sealChunk } from './chunk-cipher.ts'
import { encryptedModelLimits as limits } from './limits.ts'
import { encodeHeader, type ModelHeader } from './model-header.ts'

/** Wraps a content key of 32 bytes under a model key, with A256KW. */
export interface ModelKeyWrapper<Code extends string = string> {
  wrap(
    contentKey: Uint8Array,
  ): Promise<
    Result<
      { readonly name: string; readonly version?: string; readonly wrapped: Uint8Array },
      Problem<Code>
    >
  >
}

/** A model key that is here. */
export function localWrapper(
  name: string,
  key: Uint8Array,
  version?: string,
): ModelKeyWrapper<never> {
  return {
    async wrap(contentKey) {
      const cipher = createCipheriv('id-aes256-wrap', key, keyWrapInitialValue)
      const wrapped = concat(cipher.update(contentKey), cipher.final())
      return ok({ name, ...(version === undefined ? {} : { version }), wrapped })
    },
  }
}

/** RFC 3394, section 2.2.3.1. */
export const keyWrapInitialValue: Uint8Array = new Uint8Array(8).fill(0xa6)

/**
 * Encrypts a model in two passes: one for its digest, which the header names, and one for the chunks. Memory stays
 * flat whatever its size.
 *
 * @param options.read - the model from its beginning, each time it is called.
 * @param options.write - takes the file piece by piece, in order.
 * @returns what the header says; `model-empty`, `model-changed` when the second pass read something else, or why the
 *   key was not wrapped.
 */
export async function encryptModel<Code extends string>(options: {
  readonly read: () => AsyncIterable<Uint8Array>
  readonly write: (piece: Uint8Array) => Promise<void> | void
  readonly wrapper: ModelKeyWrapper<Code>
  readonly random?: Random
}): Promise<Result<ModelHeader, Problem<Code | 'model-empty' | 'model-changed'>>> {
  const { read, wrapper, write, random = systemRandom } = options
  let bytes = 0
  const first = createHash('sha256')
  for await (const piece of read()) {
    bytes += piece.length
    first.update(piece)
  }
  if (bytes === 0) return refuse('model-empty', 'model', 'The model is empty.')
  const contentKey = random.bytes(32)
  const key = await wrapper.wrap(contentKey)
  if (!key.ok) return key
  const { chunkBytes } = limits
  const header = { sha256: digestOf(first), bytes, chunkBytes, key: key.value }
  const head = encodeHeader(header)
  await write(head)

  const second = createHash('sha256')
  let index = 0
  let held: Uint8Array = new Uint8Array()
  const seal = (chunk: Uint8Array, isLast: boolean): Uint8Array =>
    sealChunk(contentKey, head, { index: index++, isLast, bytes: chunk })
  for await (const piece of read()) {
    second.update(piece)
    held = concat(held, piece)
    // A full chunk is held until there is more: it may be the last.
    while (held.length > chunkBytes) {
      await write(seal(held.subarray(0, chunkBytes), false))
      held = held.slice(chunkBytes)
    }
  }
  await write(seal(held, true))
  return digestOf(second) === header.sha256
    ? ok(header)
    : refuse('model-changed', 'model', 'The model was changed while it was read.')
}

function digestOf(hash: Hash): string {
  return hexOf(new Uint8Array(hash.digest()))
}
