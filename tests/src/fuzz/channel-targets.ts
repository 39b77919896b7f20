/**
 * Sealed HTTP: key configurations, binary HTTP, and sealed messages, whole and in chunks.
 *
 * Nothing that is made of a sealed message opens. So that what is behind the seal is tried as well, most targets open
 * with an engine that seals nothing: what it calls ciphertext is the plaintext and sixteen bytes.
 *
 * @module
 */

import {
  concat,
  equalBytes,
  hexOf,
  joined,
  ok,
  type Result,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import {
  type BinaryRequest,
  type BinaryResponse,
  ChannelError,
  channelLimits,
  createReplayWindow,
  type DecodeOptions,
  decodeKeyConfigs,
  decodeRequest,
  decodeRequestStream,
  decodeResponse,
  decodeResponseStream,
  encodeKeyConfigs,
  encodeRequest,
  encodeRequestStream,
  encodeResponse,
  encodeResponseStream,
  generateKeyConfig,
  type HpkeContext,
  type HpkeEngine,
  type OhttpKey,
  openChunkedRequest,
  openChunkedResponse,
  openRequest,
  type Random,
  type RequestHead,
  type ResponseHead,
  type Streamed,
  sealChunkedRequest,
  sealChunkedResponse,
  sealRequest,
  webHpke,
} from '@sealward/attestation/channel'
import type { FuzzTarget } from './targets.ts'

export const channelParsers: Readonly<Record<string, FuzzTarget['run']>> = {
  'key-configs': (input) => {
    const configs = decodeKeyConfigs(input)
    if (!configs.ok) return configs
    const again = decodeKeyConfigs(encodeKeyConfigs(configs.value))
    if (!again.ok) throw new Error('what was read cannot be written')
    return again
  },
  'binary-request': (input) => agreeing(input, decodeRequest, decodeRequestStream),
  'binary-response': (input) => agreeing(input, decodeResponse, decodeResponseStream),
  'sealed-request': async (input) => openedWhole(await sealedKey(), input),
  'sealed-chunked-request': async (input) => openedInChunks(await sealedKey(), input),
  'whole-request': async (input) => openedWhole(await bareKey(), input),
  'chunked-request': async (input) => openedInChunks(await bareKey(), input),
  'chunked-response': async (input) => {
    const { config } = await bareKey()
    const sealed = await sealChunkedRequest({ config, random, engine: bare, request: anyRequest })
    if (!sealed.ok) throw new Error(sealed.problem.code)
    const { exchange } = sealed.value
    const opened = await openChunkedResponse({ exchange, message: piecesOf(input) })
    return opened.ok ? wholeOf(await decodeResponseStream(opened.value)) : opened
  },
}

/** Inputs to start from, each accepted. */
export async function channelSeeds(): Promise<Readonly<Record<string, readonly Uint8Array[]>>> {
  const keys = await Promise.all(
    ([0x647a, 0x0020, 0x0010] as const).map((kem, keyId) =>
      generateKeyConfig({ keyId, kem, random }),
    ),
  )
  const configs = keys.map(({ config }) => config)
  const options = { informational: [{ status: 103, headers: [['link', '</a>'] as const] }] }
  const response = async (...pieces: readonly Uint8Array[]): Promise<Uint8Array> =>
    gathered(encodeResponseStream(responseHead, pieces, options))
  const chunked = async (key: OhttpKey, engine: HpkeEngine): Promise<Uint8Array> => {
    const request = encodeRequestStream(requestHead, [utf8Of('a body'), utf8Of('in pieces')])
    const sealed = await sealChunkedRequest({
      config: key.config,
      random,
      engine,
      request,
      chunkBytes: 32,
    })
    if (!sealed.ok) throw new Error(sealed.problem.code)
    return gathered(sealed.value.message)
  }
  const whole = async (key: OhttpKey, engine: HpkeEngine): Promise<Uint8Array> => {
    const sealed = await sealRequest({ config: key.config, random, engine, request: anyRequest })
    if (!sealed.ok) throw new Error(sealed.problem.code)
    return sealed.value.message
  }
  return {
    'key-configs': [encodeKeyConfigs(configs), encodeKeyConfigs(configs.slice(1))],
    'binary-request': [
      anyRequest,
      await gathered(encodeRequestStream(requestHead, [utf8Of('a body'), utf8Of('in pieces')])),
    ],
    'binary-response': [
      encodeResponse({ ...responseHead, body: utf8Of('a body') }),
      await response(utf8Of('a body'), utf8Of('in pieces')),
    ],
    'sealed-request': [await whole(await sealedKey(), webHpke)],
    'sealed-chunked-request': [await chunked(await sealedKey(), webHpke)],
    'whole-request': [await whole(await bareKey(), bare)],
    'chunked-request': [await chunked(await bareKey(), bare)],
    'chunked-response': [await bareResponse(await response(utf8Of('a body'), utf8Of('in pieces')))],
  }
}

const requestHead: RequestHead = {
  method: 'POST',
  scheme: 'https',
  authority: '',
  path: '/fhir/Patient',
  headers: [['content-type', 'application/fhir+json']],
}
const responseHead: ResponseHead = { status: 200, headers: [['content-type', 'text/plain']] }
const anyRequest = encodeRequest({ ...requestHead, body: utf8Of('a body') })

/** The same bytes each time, so that seeds that were kept go on being accepted. */
const random: Random = { bytes: (length) => new Uint8Array(length).fill(7) }

let sealed: Promise<OhttpKey> | undefined
function sealedKey(): Promise<OhttpKey> {
  sealed ??= generateKeyConfig({ keyId: 1, random })
  return sealed
}

const tag = new Uint8Array(16).fill(0x77)
const none = new Uint8Array()

const bareContext: HpkeContext = {
  seal: (plaintext, _aad, before = none) => concat(before, plaintext, tag),
  open: (ciphertext) =>
    ciphertext.length >= tag.length ? ciphertext.slice(0, -tag.length) : undefined,
  export: (_, lengthBytes) => new Uint8Array(lengthBytes),
}

/** It seals nothing. */
const bare: HpkeEngine = {
  deriveRecipient: async () => ({
    engine: bare,
    publicKey: new Uint8Array(32),
    setup: () => bareContext,
  }),
  setupSender: () => ok({ enc: new Uint8Array(32), context: bareContext }),
  aead: () => ({
    keyBytes: 32,
    nonceBytes: 12,
    seal: (_key, _nonce, aad, plaintext, before) => bareContext.seal(plaintext, aad, before),
    open: (_key, _nonce, aad, ciphertext) => bareContext.open(ciphertext, aad),
  }),
  extract: () => new Uint8Array(32),
  expand: (_prk, _info, lengthBytes) => new Uint8Array(lengthBytes),
}

async function bareKey(): Promise<OhttpKey> {
  const recipient = await bare.deriveRecipient(0x0020, random)
  const suites = [{ kdf: 0x0001, aead: 0x0002 }] as const
  return { config: { keyId: 1, kem: 0x0020, publicKey: recipient.publicKey, suites }, recipient }
}

async function bareResponse(response: Uint8Array): Promise<Uint8Array> {
  const key = await bareKey()
  const request = await sealChunkedRequest({
    config: key.config,
    random,
    engine: bare,
    request: anyRequest,
  })
  if (!request.ok) throw new Error(request.problem.code)
  const { message } = request.value
  const opened = await openChunkedRequest({ keys: [key], message, replay: createReplayWindow() })
  if (!opened.ok) throw new Error(opened.problem.code)
  const { exchange } = opened.value
  return gathered(await sealChunkedResponse({ exchange, response: piecesOf(response), random }))
}

type Outcome = Pick<Result<unknown>, 'ok'>

async function openedWhole(key: OhttpKey, message: Uint8Array): Promise<Outcome> {
  const opened = await openRequest({ keys: [key], message, replay: createReplayWindow() })
  return opened.ok ? decodeRequest(opened.value.request) : opened
}

async function openedInChunks(key: OhttpKey, input: Uint8Array): Promise<Outcome> {
  const replay = createReplayWindow()
  const opened = await openChunkedRequest({ keys: [key], message: piecesOf(input), replay })
  return opened.ok ? wholeOf(await decodeRequestStream(opened.value.request)) : opened
}

/** Whole and as it comes, a message is read the same way. */
async function agreeing<Head extends RequestHead | ResponseHead>(
  input: Uint8Array,
  decode: (input: Uint8Array) => Result<BinaryRequest | BinaryResponse>,
  decodeStream: (
    source: Iterable<Uint8Array>,
    options: DecodeOptions,
  ) => Promise<Result<Streamed<Head>>>,
): Promise<Outcome> {
  const options = { contentBytesMax: channelLimits.messageBytesMax }
  const whole = decode(input)
  const streamed = await wholeOf(await decodeStream(piecesOf(input), options))
  const isSame =
    whole.ok && streamed.ok
      ? equalBytes(whole.value.body, streamed.value.body) &&
        JSON.stringify(whole.value.headers) === JSON.stringify(streamed.value.headers)
      : !whole.ok && !streamed.ok && whole.problem.code === streamed.problem.code
  if (!isSame) throw new Error(`read differently as a whole: ${hexOf(input)}`)
  return whole
}

async function wholeOf<Head extends RequestHead | ResponseHead>(
  decoded: Result<Streamed<Head>>,
): Promise<Result<Head & { readonly body: Uint8Array }>> {
  if (!decoded.ok) return decoded
  try {
    return ok({ ...decoded.value, body: await gathered(decoded.value.body) })
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error
    return refuse(error.problem.code, error.problem.at, error.problem.detail)
  }
}

async function gathered(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return joined(pieces)
}

/** The input in pieces, whose lengths are its own bytes: short ones at its beginning. */
function* piecesOf(input: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < input.length; ) {
    const length = 1 + ((input[from] ?? 0) % 61)
    const to = from + (from < 4096 ? length : 61 * length)
    yield input.subarray(from, to)
    from = to
  }
}
