import { createDecipheriv, createHash } from 'node:crypto'
import { concat, hexOf, ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { openChunk, tagBytes } from './chunk-cipher.ts'
import { keyWrapInitialValue } from './encrypt-model.ts'
import { type ModelHeader, type ModelHeaderCode, readHeader } from './model-header.ts'

/**
 * Besides {@link ModelHeaderCode}: `model-truncated`: shorter or longer than its header says. `model-key-mismatch`: not
 * under this key. `model-altered`: a chunk, or the header, is not what was encrypted.
 */
export type DecryptModelCode =
  | ModelHeaderCode
  | 'model-truncated'
  | 'model-key-mismatch'
  | 'model-altered'

/** Bytes of an encrypted model whose header this is. */
export function sealedBytesOf({ bytes, chunkBytes }: ModelHeader, headBytes: number): number {
  return headBytes + bytes + Math.ceil(bytes / chunkBytes) * tagBytes
}

/**
 * Decrypts a model into memory. Nothing of it is handed out before all of it was found to be what was encrypted.
 *
 * @param keyOf - the model key that the header names; `undefined` where there is none.
 * @returns the model and its header, or one of {@link DecryptModelCode}.
 */
export function decryptModel(
  sealed: Uint8Array,
  keyOf: (key: ModelHeader['key']) => Uint8Array | undefined,
): Result<{ readonly header: ModelHeader; readonly model: Uint8Array }, Problem<DecryptModelCode>> {
  const head = readHeader(sealed)
  if (!head.ok) return head
  const { header, bytes: headBytes } = head.value
  if (sealed.length !== sealedBytesOf(header, headBytes.length)) {
    return refuse('model-truncated', 'bytes', 'The encrypted model has not the length it says.')
  }
  const contentKey = contentKeyOf(header, keyOf(header.key))
  if (contentKey === undefined) {
    return refuse('model-key-mismatch', 'header.key', 'The model is not encrypted under this key.')
  }
  const model = new Uint8Array(header.bytes)
  const step = header.chunkBytes + tagBytes
  const hash = createHash('sha256')
  const count = Math.ceil(header.bytes / header.chunkBytes)
  for (let index = 0; index < count; index++) {
    const start = headBytes.length + index * step
    const bytes = sealed.subarray(start, start + step)
    const chunk = openChunk(contentKey, headBytes, { index, isLast: index === count - 1, bytes })
    if (chunk === undefined) {
      return refuse('model-altered', `@0x${start.toString(16)}`, 'The encrypted model was changed.')
    }
    hash.update(chunk)
    model.set(chunk, index * header.chunkBytes)
  }
  return hexOf(new Uint8Array(hash.digest())) === header.sha256
    ? ok({ header, model })
    : refuse('model-altered', 'header.sha256', 'The model is not the one that its header names.')
}

function contentKeyOf(
  { key }: ModelHeader,
  modelKey: Uint8Array | undefined,
): Uint8Array | undefined {
  if (modelKey === undefined) return undefined
  try {
    const decipher = createDecipheriv('id-aes256-wrap', modelKey, keyWrapInitialValue)
    const contentKey = concat(decipher.update(key.wrapped), decipher.final())
    return contentKey.length === 32 ? contentKey : undefined
  } catch {
    return undefined
  }
}
