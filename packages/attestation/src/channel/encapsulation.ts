/**
 * What the two forms of Oblivious HTTP have in common: whose key it is, how a request's context is set up, and
 * which key its response is sealed with.
 *
 *     header = key id (1) ‖ KEM (2) ‖ KDF (2) ‖ AEAD (2)
 *     request = header ‖ enc ‖ …
 *
 * @see RFC 9458, section 4; draft-ietf-ohai-chunked-ohttp-08, section 6; docs/spec/sealed-http.md
 * @module
 */

import { concat, ok, type Problem, type Result, refuse, utf8Of } from '../bytes/index.ts'
import type { HpkeContext, HpkeEngine } from './hpke-engine.ts'
import { type KeyConfig, type OhttpKey, u16Of } from './key-config.ts'
import type { Random } from './random.ts'
import { kemBytes, type SymmetricSuite } from './suite.ts'
import { webHpke } from './web-hpke.ts'

export type OhttpCode =
  | 'malformed'
  | 'truncated'
  | 'too-large'
  | 'stale-key'
  | 'unsupported-suite'
  | 'not-opened'
  | 'replayed'
  | 'replay-window-full'

export type OhttpProblem = Problem<OhttpCode>

/** A message that is sealed as a whole, or chunk by chunk. Neither opens as the other. */
export type OhttpForm = 'whole' | 'chunked'

declare const exchangeBrand: unique symbol

/** What one side keeps between a request and its response. It serves one response, of the request's form. */
export interface SealedExchange<Form extends OhttpForm = 'whole'> {
  readonly [exchangeBrand]: Form
}

/** Bytes before the encapsulated key. */
export const headerBytes = 7
/** Of both ciphers. */
export const tagBytes = 16

const requestLabels = {
  whole: 'message/bhttp request',
  chunked: 'message/bhttp chunked request',
} as const

const responseLabels = {
  whole: 'message/bhttp response',
  chunked: 'message/bhttp chunked response',
} as const

/** To whom a request is sealed, where its ephemeral key comes from, and what computes it: Web Crypto, unless said. */
export interface SenderInput {
  readonly config: KeyConfig
  readonly random: Random
  readonly engine?: HpkeEngine
}

/** A request's context at its sender. */
export interface Sender<Form extends OhttpForm> {
  /** Header and encapsulated key. */
  readonly start: Uint8Array
  readonly context: HpkeContext
  readonly exchange: SealedExchange<Form>
}

/**
 * Sets up the context of a request.
 *
 * @returns `malformed` when the configuration's public key is not one, `unsupported-suite` when the engine does not
 *   know its KEM.
 */
export async function setupSender<Form extends OhttpForm>(
  form: Form,
  { config, random, engine = webHpke }: SenderInput,
): Promise<Result<Sender<Form>, OhttpProblem>> {
  const { kem, publicKey } = config
  const [symmetric] = config.suites
  const header = headerOf(config, symmetric)
  const info = infoOf(form, header)
  const sender = await engine.setupSender({ kem, publicKey, symmetric, info, random })
  if (!sender.ok) return sender
  const { enc, context } = sender.value
  const exchange = exchangeOf({ form, engine, context, enc, symmetric })
  return ok({ start: concat(header, enc), context, exchange })
}

/** The key and the suite that a request's header names. */
export interface Recipient {
  readonly key: OhttpKey
  readonly symmetric: SymmetricSuite
  /** Bytes of the encapsulated key that follows. */
  readonly encBytes: number
}

/** Finds whom a request is sealed to, or refuses with `stale-key`, `unsupported-suite`. */
export function recipientOf(
  keys: readonly OhttpKey[],
  header: Uint8Array,
): Result<Recipient, OhttpProblem> {
  const view = new DataView(header.buffer, header.byteOffset, headerBytes)
  const [keyId, kem] = [view.getUint8(0), view.getUint16(1)]
  const key = keys.find(({ config }) => config.keyId === keyId && config.kem === kem)
  if (key === undefined) return refuse('stale-key', '@0x0', 'sealed to a key that is not in use')
  const symmetric = key.config.suites.find(
    (suite) => suite.kdf === view.getUint16(3) && suite.aead === view.getUint16(5),
  )
  if (symmetric === undefined) return refuse('unsupported-suite', '@0x3', 'not offered')
  return ok({ key, symmetric, encBytes: kemBytes[key.config.kem].enc })
}

/** Sets up the context of a request at its recipient, or refuses with `not-opened`. */
export async function setupRecipient<Form extends OhttpForm>(
  form: Form,
  { key, symmetric }: Recipient,
  header: Uint8Array,
  enc: Uint8Array,
): Promise<
  Result<{ readonly context: HpkeContext; readonly exchange: SealedExchange<Form> }, OhttpProblem>
> {
  const { engine } = key.recipient
  const context = await key.recipient.setup(enc, infoOf(form, header), symmetric)
  if (context === undefined) return notOpened
  return ok({ context, exchange: exchangeOf({ form, engine, context, enc, symmetric }) })
}

/** Opens one ciphertext. Every way in which it can fail to is one answer: which of them it was is nobody's business. */
export async function openWith(
  context: Pick<HpkeContext, 'open'>,
  ciphertext: Uint8Array,
  aad?: Uint8Array,
): Promise<Result<Uint8Array, OhttpProblem>> {
  const opened = await context.open(ciphertext, aad)
  return opened === undefined ? notOpened : ok(opened)
}

const notOpened = refuse('not-opened', 'ciphertext', 'it does not open with this key')

/** Bytes of a response's nonce. */
export function responseNonceBytes(exchange: SealedExchange<OhttpForm>): number {
  const { engine, symmetric } = stateOf(exchange)
  const { keyBytes, nonceBytes } = engine.aead(symmetric.aead)
  return Math.max(keyBytes, nonceBytes)
}

/**
 * What seals and opens the parts of one response, in their order. RFC 9458, section 4.4; of the draft, section 6.2.
 * The first part has the nonce of the only part of a whole.
 */
export async function responseKeyOf(
  exchange: SealedExchange<OhttpForm>,
  responseNonce: Uint8Array,
): Promise<Pick<HpkeContext, 'seal' | 'open'>> {
  const { form, engine, context, enc, symmetric } = stateOf(exchange)
  const aead = engine.aead(symmetric.aead)
  const secret = await context.export(utf8Of(responseLabels[form]), responseNonce.length)
  const prk = await engine.extract(concat(enc, responseNonce), secret)
  const key = await engine.expand(prk, utf8Of('key'), aead.keyBytes)
  const baseNonce = await engine.expand(prk, utf8Of('nonce'), aead.nonceBytes)
  let count = 0
  const nextNonce = (): Uint8Array => nonceOf(baseNonce, count++)
  const none = new Uint8Array()
  return {
    seal: (plaintext, aad = none, before = none) =>
      aead.seal(key, nextNonce(), aad, plaintext, before),
    open: (ciphertext, aad = none) => aead.open(key, nextNonce(), aad, ciphertext),
  }
}

/** The base nonce, exclusive or the number of the part in its last bytes. */
function nonceOf(baseNonce: Uint8Array, count: number): Uint8Array {
  const nonce = baseNonce.slice()
  const view = new DataView(nonce.buffer)
  const at = nonce.length - 8
  view.setBigUint64(at, view.getBigUint64(at) ^ BigInt(count))
  return nonce
}

/** Marks an exchange as answered. Throws when it was, or was never begun. */
export function spend(exchange: SealedExchange<OhttpForm>): void {
  stateOf(exchange)
  states.delete(exchange)
}

function headerOf(config: KeyConfig, { kdf: kdfId, aead }: SymmetricSuite): Uint8Array {
  return concat(Uint8Array.of(config.keyId), u16Of(config.kem), u16Of(kdfId), u16Of(aead))
}

function infoOf(form: OhttpForm, header: Uint8Array): Uint8Array {
  return concat(utf8Of(requestLabels[form]), Uint8Array.of(0), header)
}

interface ExchangeState {
  readonly form: OhttpForm
  readonly engine: HpkeEngine
  readonly context: Pick<HpkeContext, 'export'>
  readonly enc: Uint8Array
  readonly symmetric: SymmetricSuite
}

const states = new WeakMap<SealedExchange<OhttpForm>, ExchangeState>()

function exchangeOf<Form extends OhttpForm>(
  state: ExchangeState & { readonly form: Form },
): SealedExchange<Form> {
  const exchange = Object.freeze({}) as SealedExchange<Form>
  states.set(exchange, state)
  return exchange
}

function stateOf(exchange: SealedExchange<OhttpForm>): ExchangeState {
  const state = states.get(exchange)
  if (state === undefined) throw new Error('this exchange was answered already, or never begun')
  return state
}
