/**
 * Oblivious HTTP in chunks: one request and its response, each of any length, sealed and opened as they come.
 *
 *     request  = key id (1) ‖ KEM (2) ‖ KDF (2) ‖ AEAD (2) ‖ enc ‖ chunk* ‖ final chunk
 *     response = nonce (max(Nn, Nk)) ‖ chunk* ‖ final chunk
 *     chunk       = length (1 to 8) ‖ ciphertext
 *     final chunk = 0x00 ‖ ciphertext, up to the end
 *
 * Each chunk is sealed with its number, the final one with its being the final one. So a chunk that is changed,
 * left out, put elsewhere, given twice or taken from another message does not open, and a message that is cut is
 * known to be. What was opened until then has been handed on: whoever acts on it before the end knows that.
 *
 * @see draft-ietf-ohai-chunked-ohttp-08; docs/spec/sealed-http.md
 * @module
 */

import { concat, ok, type Result, refuse, utf8Of } from '../bytes/index.ts'
import { type ByteSource, piecesOf } from './byte-source.ts'
import { ChannelError } from './channel-error.ts'
import {
  headerBytes,
  type OhttpCode,
  type OhttpProblem,
  openWith,
  recipientOf,
  responseKeyOf,
  responseNonceBytes,
  type SealedExchange,
  type SenderInput,
  setupRecipient,
  setupSender,
  spend,
  tagBytes,
} from './encapsulation.ts'
import type { HpkeContext } from './hpke-engine.ts'
import {
  createIntake,
  createSourceReader,
  type Intake,
  type Reading,
  readNow,
  type SourceReader,
  varintOf,
} from './intake.ts'
import type { KeyConfig, OhttpKey } from './key-config.ts'
import { channelLimits } from './limits.ts'
import type { Random } from './random.ts'
import type { ReplayWindow } from './replay-window.ts'
import { kemBytes } from './suite.ts'

export const chunkedRequestMediaType = 'message/ohttp-chunked-req'
export const chunkedResponseMediaType = 'message/ohttp-chunked-res'

/** How a sender cuts what it seals. */
export interface ChunkOptions {
  /** Bytes of a chunk at most, before it is sealed. */
  readonly chunkBytes?: number
  /**
   * `filled`: all chunks but the last are of one size, whatever the pieces of the source are; nothing is sent
   * before a chunk is full. `prompt`: each piece of the source is sealed as it comes.
   */
  readonly chunks?: 'filled' | 'prompt'
}

/**
 * Seals a request as it is read.
 *
 * @param input - `config` of the recipient; `request` in binary HTTP; `random` for the ephemeral key. Chunks are
 *   `filled` unless said otherwise.
 * @returns the sealed message, in pieces, and what opens its response, or `malformed`, `unsupported-suite` as
 *   `sealRequest`. Reading the message reads the request; when that fails, so does the message, and it
 *   never gets its final chunk.
 */
export async function sealChunkedRequest(
  input: SenderInput & ChunkOptions & { readonly request: ByteSource },
): Promise<
  Result<
    {
      readonly message: AsyncIterable<Uint8Array>
      readonly exchange: SealedExchange<'chunked'>
    },
    OhttpProblem
  >
> {
  const sender = await setupSender('chunked', input)
  if (!sender.ok) return sender
  const { start, context, exchange } = sender.value
  const chunks = chunksOf(input.request, { chunks: 'filled', ...input })
  return ok({ message: sealedChunks(start, chunks, context), exchange })
}

/**
 * Seals a request that is there as a whole, of up to `channelLimits.chunkBytesMax`, as one chunk, the final one.
 *
 * @param input - as of {@link sealChunkedRequest}.
 * @returns the sealed message and what opens its response, or its refusals.
 */
export async function sealShortRequest(
  input: SenderInput & { readonly request: Uint8Array },
): Promise<
  Result<
    { readonly message: Uint8Array; readonly exchange: SealedExchange<'chunked'> },
    OhttpProblem
  >
> {
  const sender = await setupSender('chunked', input)
  if (!sender.ok) return sender
  const { start, context, exchange } = sender.value
  return ok({ message: await onlyChunk(start, input.request, context), exchange })
}

/** What was opened, in pieces. */
export interface OpenedPieces extends AsyncIterable<Uint8Array> {
  /** All of it, where its first chunk was its final one. */
  readonly whole?: Uint8Array
}

/**
 * Opens a request as it comes.
 *
 * @param input - `keys` that may still be sealed to; the sealed `message`, which may end anywhere; the `replay`
 *   window of those keys; `bytesMax` of the message.
 * @returns once the first chunk was opened and the window admitted the request: the request in binary HTTP, in
 *   pieces, and what seals its response; or the codes of `openRequest`, and `truncated`. Reading the
 *   request goes on opening it, and fails with a {@link ChannelError} of `truncated` (it ended before its final
 *   chunk), `not-opened` or `too-large`. It is whole when reading it has come to its end.
 */
export async function openChunkedRequest(input: {
  readonly keys: readonly OhttpKey[]
  readonly message: ByteSource
  readonly replay: ReplayWindow
  readonly bytesMax?: number
}): Promise<
  Result<
    {
      readonly request: OpenedPieces
      readonly exchange: SealedExchange<'chunked'>
    },
    OhttpProblem
  >
> {
  const { keys, message, replay, bytesMax } = input
  const chunks = createChunkReader(message, bytesMax)
  const result = await chunks.begin(async () => {
    const header = await chunks.bytes(headerBytes)
    const recipient = recipientOf(keys, header)
    if (!recipient.ok) return recipient
    // A copy, which a Buffer's slice would not be: the message may be gone before its response is sealed.
    const enc = new Uint8Array(await chunks.bytes(recipient.value.encBytes))
    const setup = await setupRecipient('chunked', recipient.value, header, enc)
    if (!setup.ok) return setup
    const { context, exchange } = setup.value
    const first = await chunks.next(context)
    // Only what was sealed properly takes a place in the window.
    const admitted = await replay.admit(recipient.value.key.config.keyId, enc)
    return admitted.ok ? ok({ request: chunks.rest(first, context), exchange }) : admitted
  })
  return result
}

/**
 * Seals the response to an opened request as it is read. Throws when the exchange was answered before.
 *
 * @param input - `response` in binary HTTP; `random` for the response nonce. Chunks are `prompt` unless said
 *   otherwise.
 * @returns the sealed message, in pieces.
 */
export async function sealChunkedResponse(
  input: ChunkOptions & {
    readonly exchange: SealedExchange<'chunked'>
    readonly response: ByteSource
    readonly random: Random
  },
): Promise<AsyncIterable<Uint8Array>> {
  const { nonce, key } = await responseSealOf(input)
  return sealedChunks(nonce, chunksOf(input.response, { chunks: 'prompt', ...input }), key)
}

/** Seals the response to an opened request as {@link sealShortRequest} seals a request. */
export async function sealShortResponse(input: {
  readonly exchange: SealedExchange<'chunked'>
  readonly response: Uint8Array
  readonly random: Random
}): Promise<Uint8Array> {
  const { nonce, key } = await responseSealOf(input)
  return onlyChunk(nonce, input.response, key)
}

async function responseSealOf({
  exchange,
  random,
}: {
  readonly exchange: SealedExchange<'chunked'>
  readonly random: Random
}): Promise<{ readonly nonce: Uint8Array; readonly key: SealsChunks }> {
  const nonce = random.bytes(responseNonceBytes(exchange))
  const pending = responseKeyOf(exchange, nonce)
  spend(exchange)
  return { nonce, key: await pending }
}

/**
 * Opens the response to a sealed request as it comes.
 *
 * @param input - the sealed `message`, which may end anywhere; `bytesMax` of it.
 * @returns once the first chunk was opened, the response in binary HTTP, in pieces; or `malformed`,
 *   `truncated`, `too-large`, `not-opened`. Reading it goes on opening it, and fails as with a request.
 */
export async function openChunkedResponse(input: {
  readonly exchange: SealedExchange<'chunked'>
  readonly message: ByteSource
  readonly bytesMax?: number
}): Promise<Result<OpenedPieces, OhttpProblem>> {
  const { exchange, message, bytesMax } = input
  const chunks = createChunkReader(message, bytesMax)
  return await chunks.begin(async () => {
    const nonce = await chunks.bytes(responseNonceBytes(exchange))
    const pending = responseKeyOf(exchange, nonce)
    spend(exchange)
    const key = await pending
    return ok(chunks.rest(await chunks.next(key), key))
  })
}

/** Bytes of a sealed request whose binary HTTP has so many, in `filled` chunks of the usual size. */
export function sealedLengthOf({ kem }: Pick<KeyConfig, 'kem'>, length: number): number {
  const { chunkBytes } = channelLimits
  const others = Math.max(0, Math.ceil(length / chunkBytes) - 1)
  const framing = others * varintOf(chunkBytes + tagBytes).length + 1
  return headerBytes + kemBytes[kem].enc + framing + (others + 1) * tagBytes + length
}

const final = utf8Of('final')

type SealsChunks = Pick<HpkeContext, 'seal'>
type OpensChunks = Pick<HpkeContext, 'open'>

interface Chunk {
  readonly bytes: Uint8Array
  readonly isFinal: boolean
}

async function* sealedChunks(
  start: Uint8Array,
  chunks: AsyncIterable<Chunk>,
  context: SealsChunks,
): AsyncGenerator<Uint8Array> {
  let before = start
  for await (const { bytes, isFinal } of chunks) {
    const length = varintOf(isFinal ? 0 : bytes.length + tagBytes)
    yield await context.seal(bytes, isFinal ? final : undefined, concat(before, length))
    before = new Uint8Array()
  }
}

/** Of a message of one chunk, all of it. */
async function onlyChunk(
  start: Uint8Array,
  bytes: Uint8Array,
  context: SealsChunks,
): Promise<Uint8Array> {
  if (bytes.length > channelLimits.chunkBytesMax) throw new TypeError('more than one chunk')
  return context.seal(bytes, final, concat(start, varintOf(0)))
}

/** What is sealed together. Of `prompt` chunks the final one is empty: more may always come. */
async function* chunksOf(
  source: ByteSource,
  { chunkBytes = channelLimits.chunkBytes, chunks }: ChunkOptions,
): AsyncGenerator<Chunk> {
  if (!(chunkBytes >= 1 && chunkBytes <= channelLimits.chunkBytesMax)) {
    throw new TypeError(`chunkBytes: 1 to ${channelLimits.chunkBytesMax}`)
  }
  const intake = createIntake(chunkCodes)
  const left = chunks === 'prompt' ? 0 : chunkBytes
  for await (const piece of piecesOf(source)) {
    intake.push(piece)
    while (intake.available() > left) {
      const length = Math.min(chunkBytes, intake.available())
      yield { bytes: readNow(intake.bytes(length)), isFinal: false }
    }
  }
  yield { bytes: readNow(intake.bytes(intake.available())), isFinal: true }
}

const chunkCodes = { truncated: 'truncated', tooLarge: 'too-large' } as const

interface ChunkReader {
  /** Runs what comes before the first chunk is handed on; a refusal gives up the source. */
  begin<T>(attempt: () => Promise<Result<T, OhttpProblem>>): Promise<Result<T, OhttpProblem>>
  bytes(length: number): Promise<Uint8Array>
  next(context: OpensChunks): Promise<Chunk>
  rest(first: Chunk, context: OpensChunks): OpenedPieces
}

function createChunkReader(
  message: ByteSource,
  bytesMax: number = channelLimits.streamBytesMax,
): ChunkReader {
  const intake = createIntake(chunkCodes)
  const source: SourceReader = createSourceReader(message, intake)

  const next = async (context: OpensChunks): Promise<Chunk> => {
    const { bytes, isFinal } = await source.read(chunkIn(intake, bytesMax))
    const opened = await openWith(context, bytes, isFinal ? final : undefined)
    if (!opened.ok) throw new ChannelError(opened.problem)
    if (!isFinal && opened.value.length === 0) {
      intake.fail('not-opened', 'a chunk that holds nothing, and is not the final one')
    }
    return { bytes: opened.value, isFinal }
  }

  async function* rest(first: Chunk, context: OpensChunks): AsyncGenerator<Uint8Array> {
    try {
      for (let chunk = first; ; chunk = await next(context)) {
        if (chunk.bytes.length > 0) yield chunk.bytes
        if (chunk.isFinal) return
      }
    } finally {
      await source.close()
    }
  }

  return {
    async begin(attempt) {
      const result = await attempt().catch((error: unknown) => refusalIn(error))
      if (!result.ok) await source.close()
      return result
    },
    bytes: (length) => source.read(intake.bytes(length)),
    next,
    // Of one that was final the source has been read to its end.
    rest: (first, context) => (first.isFinal ? wholeOf(first.bytes) : rest(first, context)),
  }
}

function wholeOf(whole: Uint8Array): OpenedPieces {
  return { whole, [Symbol.asyncIterator]: () => piecesOf(whole) }
}

function* chunkIn(intake: Intake, bytesMax: number): Reading<Chunk> {
  const length = yield* intake.varint()
  const isFinal = length === 0
  const max = Math.min(
    channelLimits.chunkBytesMax + tagBytes,
    Math.max(0, bytesMax - intake.offset()),
  )
  if (length > max) intake.fail('too-large', `more than ${max} bytes`)
  return { bytes: yield* isFinal ? intake.rest(max) : intake.bytes(length), isFinal }
}

function refusalIn(error: unknown): { readonly ok: false; readonly problem: OhttpProblem } {
  if (!(error instanceof ChannelError)) throw error
  const { code, at, detail } = error.problem
  return refuse(code as OhttpCode, at, detail)
}
