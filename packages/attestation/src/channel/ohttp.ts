/**
 * Oblivious HTTP: one request and its response, sealed to a key configuration.
 *
 *     request  = key id (1) ‖ KEM (2) ‖ KDF (2) ‖ AEAD (2) ‖ enc ‖ ciphertext
 *     response = nonce (max(Nn, Nk)) ‖ ciphertext
 *
 * @see RFC 9458, section 4; docs/spec/sealed-http.md
 * @module
 */

import {
  DecapError,
  DeserializeError,
  EncapError,
  NotSupportedError,
  OpenError,
  type RecipientContext,
  type SenderContext,
  ValidationError,
} from 'hpke'
import { concat, ok, type Problem, type Result, refuse, utf8Of } from '../bytes/index.ts'
import { type KeyConfig, type OhttpKey, u16Of } from './key-config.ts'
import { channelLimits } from './limits.ts'
import type { Random } from './random.ts'
import type { ReplayWindow } from './replay-window.ts'
import {
  type AeadId,
  aeadOf,
  type HpkeSuite,
  kdf,
  keyPairOf,
  publicKeyBytes,
  recipientSuite,
  type SymmetricSuite,
  senderSuite,
} from './suite.ts'

export type OhttpCode =
  | 'malformed'
  | 'too-large'
  | 'stale-key'
  | 'unsupported-suite'
  | 'not-opened'
  | 'replayed'
  | 'replay-window-full'

export type OhttpProblem = Problem<OhttpCode>

declare const exchangeBrand: unique symbol

/** What one side keeps between a request and its response. It serves one response. */
export interface SealedExchange {
  readonly [exchangeBrand]: true
}

export const requestMediaType = 'message/ohttp-req'
export const responseMediaType = 'message/ohttp-res'

/**
 * Seals a request.
 *
 * @param input - `config` of the recipient; `request` in binary HTTP; `random` for the ephemeral key.
 * @returns the sealed message and what opens its response, or `malformed` when the configuration's public
 *   key is not one, `unsupported-suite` when this engine's Web Crypto does not know its KEM, `too-large`.
 */
export async function sealRequest(input: {
  readonly config: KeyConfig
  readonly request: Uint8Array
  readonly random: Random
}): Promise<
  Result<{ readonly message: Uint8Array; readonly exchange: SealedExchange }, OhttpProblem>
> {
  const { config, random } = input
  const [symmetric] = config.suites
  const suite = senderSuite(config.kem, symmetric, () => keyPairOf(config.kem, random))
  return sealRequestWith({ ...input, suite, symmetric })
}

/** As {@link sealRequest}, with the sender's suite given: vectors fix its ephemeral key. */
export async function sealRequestWith(input: {
  readonly config: KeyConfig
  readonly request: Uint8Array
  readonly suite: HpkeSuite
  readonly symmetric: SymmetricSuite
}): Promise<
  Result<{ readonly message: Uint8Array; readonly exchange: SealedExchange }, OhttpProblem>
> {
  const { config, request, suite, symmetric } = input
  if (request.length > channelLimits.messageBytesMax) {
    return refuse('too-large', 'request', `more than ${channelLimits.messageBytesMax} bytes`)
  }
  const header = headerOf(config, symmetric)
  try {
    const publicKey = await suite.DeserializePublicKey(config.publicKey)
    const { encapsulatedSecret: enc, ctx } = await suite.SetupSender(publicKey, {
      info: infoOf(header),
    })
    const message = concat(header, enc, await ctx.Seal(request))
    return ok({ message, exchange: exchangeOf({ context: ctx, enc, aead: symmetric.aead }) })
  } catch (error) {
    if (error instanceof DeserializeError || error instanceof EncapError) {
      return refuse('malformed', 'config', 'the public key is not one')
    }
    if (error instanceof NotSupportedError) {
      return refuse('unsupported-suite', 'config', 'this engine does not know its KEM')
    }
    throw error
  }
}

/**
 * Opens a request.
 *
 * @param input - `keys` that may still be sealed to; the sealed `message`; the `replay` window of those keys.
 * @returns the request in binary HTTP and what seals its response, or `malformed`, `too-large`, `stale-key`
 *   (sealed to a key that is not, or not any more, one of `keys`), `unsupported-suite`, `not-opened`
 *   (changed on the way, or sealed to another key), `replayed`, `replay-window-full`.
 */
export async function openRequest(input: {
  readonly keys: readonly OhttpKey[]
  readonly message: Uint8Array
  readonly replay: ReplayWindow
}): Promise<
  Result<{ readonly request: Uint8Array; readonly exchange: SealedExchange }, OhttpProblem>
> {
  const { keys, message, replay } = input
  if (message.length > channelLimits.messageBytesMax) {
    return refuse('too-large', '@0x0', `more than ${channelLimits.messageBytesMax} bytes`)
  }
  if (message.length < headerBytes) return refuse('malformed', '@0x0', 'shorter than its header')
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  const header = message.subarray(0, headerBytes)
  const [keyId, kem] = [view.getUint8(0), view.getUint16(1)]
  const key = keys.find(({ config }) => config.keyId === keyId && config.kem === kem)
  if (key === undefined) return refuse('stale-key', '@0x0', 'sealed to a key that is not in use')
  const symmetric = key.config.suites.find(
    (suite) => suite.kdf === view.getUint16(3) && suite.aead === view.getUint16(5),
  )
  if (symmetric === undefined) return refuse('unsupported-suite', '@0x3', 'not offered')
  const encEnd = headerBytes + publicKeyBytes[key.config.kem]
  if (message.length < encEnd + tagBytes) return refuse('malformed', '@0x7', 'truncated')
  const enc = message.slice(headerBytes, encEnd)
  const opened = await opening(async () => {
    const context = await recipientSuite(key.config.kem, symmetric).SetupRecipient(key.pair, enc, {
      info: infoOf(header),
    })
    return { context, request: await context.Open(message.subarray(encEnd)) }
  })
  if (!opened.ok) return opened
  // Only what was sealed properly takes a place in the window.
  const admitted = replay.admit(keyId, enc)
  if (!admitted.ok) return admitted
  const { context, request } = opened.value
  return ok({ request, exchange: exchangeOf({ context, enc, aead: symmetric.aead }) })
}

/**
 * Seals the response to an opened request. Throws when the exchange was answered before.
 *
 * @param input - `response` in binary HTTP; `random` for the response nonce.
 */
export async function sealResponse(input: {
  readonly exchange: SealedExchange
  readonly response: Uint8Array
  readonly random: Random
}): Promise<Uint8Array> {
  const state = stateOf(input.exchange)
  states.delete(input.exchange)
  const aead = aeadOf(state.aead)
  const responseNonce = input.random.bytes(Math.max(aead.Nn, aead.Nk))
  const { key, nonce } = await responseKeyOf(state, responseNonce)
  return concat(responseNonce, await aead.Seal(key, nonce, new Uint8Array(), input.response))
}

/**
 * Opens the response to a sealed request.
 *
 * @returns the response in binary HTTP, or `malformed`, `too-large`, `not-opened`.
 */
export async function openResponse(input: {
  readonly exchange: SealedExchange
  readonly message: Uint8Array
}): Promise<Result<Uint8Array, OhttpProblem>> {
  const { exchange, message } = input
  const state = stateOf(exchange)
  const aead = aeadOf(state.aead)
  const nonceBytes = Math.max(aead.Nn, aead.Nk)
  if (message.length > channelLimits.messageBytesMax) {
    return refuse('too-large', '@0x0', `more than ${channelLimits.messageBytesMax} bytes`)
  }
  if (message.length < nonceBytes + tagBytes) return refuse('malformed', '@0x0', 'truncated')
  const { key, nonce } = await responseKeyOf(state, message.subarray(0, nonceBytes))
  const ciphertext = message.subarray(nonceBytes)
  const opened = await opening(() => aead.Open(key, nonce, new Uint8Array(), ciphertext))
  if (opened.ok) states.delete(exchange)
  return opened
}

const headerBytes = 7
/** Of both ciphers. */
const tagBytes = 16

function headerOf(config: KeyConfig, { kdf: kdfId, aead }: SymmetricSuite): Uint8Array {
  return concat(Uint8Array.of(config.keyId), u16Of(config.kem), u16Of(kdfId), u16Of(aead))
}

/** Section 4.3. */
function infoOf(header: Uint8Array): Uint8Array {
  return concat(utf8Of('message/bhttp request'), Uint8Array.of(0), header)
}

interface ExchangeState {
  readonly context: Pick<SenderContext | RecipientContext, 'Export'>
  readonly enc: Uint8Array
  readonly aead: AeadId
}

const states = new WeakMap<SealedExchange, ExchangeState>()

function exchangeOf(state: ExchangeState): SealedExchange {
  const exchange = Object.freeze({}) as SealedExchange
  states.set(exchange, state)
  return exchange
}

function stateOf(exchange: SealedExchange): ExchangeState {
  const state = states.get(exchange)
  if (state === undefined) throw new Error('this exchange was answered already, or never begun')
  return state
}

/** Section 4.4. */
async function responseKeyOf(
  { context, enc, aead: id }: ExchangeState,
  responseNonce: Uint8Array,
): Promise<{ readonly key: Uint8Array; readonly nonce: Uint8Array }> {
  const aead = aeadOf(id)
  const secret = await context.Export(utf8Of('message/bhttp response'), Math.max(aead.Nn, aead.Nk))
  const prk = await kdf.Extract(concat(enc, responseNonce), secret)
  return {
    key: await kdf.Expand(prk, utf8Of('key'), aead.Nk),
    nonce: await kdf.Expand(prk, utf8Of('nonce'), aead.Nn),
  }
}

/** Every way in which a ciphertext can fail to open is one answer: which of them it was is nobody's business. */
async function opening<T>(open: () => Promise<T>): Promise<Result<T, Problem<'not-opened'>>> {
  try {
    return ok(await open())
  } catch (error) {
    const isRefusal =
      error instanceof OpenError ||
      error instanceof DecapError ||
      error instanceof DeserializeError ||
      error instanceof ValidationError ||
      (error instanceof DOMException && error.name === 'OperationError')
    if (isRefusal) return refuse('not-opened', 'ciphertext', 'it does not open with this key')
    throw error
  }
}
