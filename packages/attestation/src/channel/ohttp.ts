/**
 * Oblivious HTTP: one request and its response, each sealed as a whole to a key configuration.
 *
 *     request  = key id (1) ‖ KEM (2) ‖ KDF (2) ‖ AEAD (2) ‖ enc ‖ ciphertext
 *     response = nonce (max(Nn, Nk)) ‖ ciphertext
 *
 * @see RFC 9458, section 4; docs/spec/sealed-http.md
 * @module
 */

import { ok, type Result, refuse } from '../bytes/index.ts'
import {
  headerBytes,
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
import type { OhttpKey } from './key-config.ts'
import { channelLimits } from './limits.ts'
import type { Random } from './random.ts'
import type { ReplayWindow } from './replay-window.ts'

export const requestMediaType = 'message/ohttp-req'
export const responseMediaType = 'message/ohttp-res'

/**
 * Seals a request.
 *
 * @param input - `config` of the recipient; `request` in binary HTTP; `random` for the ephemeral key.
 * @returns the sealed message and what opens its response, or `malformed` when the configuration's public
 *   key is not one, `unsupported-suite` when the engine does not know its KEM, `too-large`.
 */
export async function sealRequest(
  input: SenderInput & { readonly request: Uint8Array },
): Promise<
  Result<{ readonly message: Uint8Array; readonly exchange: SealedExchange }, OhttpProblem>
> {
  const { request } = input
  if (request.length > channelLimits.messageBytesMax) return tooLarge('request')
  const sender = await setupSender('whole', input)
  if (!sender.ok) return sender
  const { start, context, exchange } = sender.value
  return ok({ message: await context.seal(request, undefined, start), exchange })
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
  if (message.length > channelLimits.messageBytesMax) return tooLarge('@0x0')
  if (message.length < headerBytes) return refuse('malformed', '@0x0', 'shorter than its header')
  const header = message.subarray(0, headerBytes)
  const recipient = recipientOf(keys, header)
  if (!recipient.ok) return recipient
  const encEnd = headerBytes + recipient.value.encBytes
  if (message.length < encEnd + tagBytes) return refuse('malformed', '@0x7', 'truncated')
  const enc = message.slice(headerBytes, encEnd)
  const setup = await setupRecipient('whole', recipient.value, header, enc)
  if (!setup.ok) return setup
  const { context, exchange } = setup.value
  const opened = await openWith(context, message.subarray(encEnd))
  if (!opened.ok) return opened
  // Only what was sealed properly takes a place in the window.
  const admitted = await replay.admit(recipient.value.key.config.keyId, enc)
  return admitted.ok ? ok({ request: opened.value, exchange }) : admitted
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
  const { exchange, response, random } = input
  const nonce = random.bytes(responseNonceBytes(exchange))
  const key = responseKeyOf(exchange, nonce)
  spend(exchange)
  return (await key).seal(response, undefined, nonce)
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
  const nonceBytes = responseNonceBytes(exchange)
  if (message.length > channelLimits.messageBytesMax) return tooLarge('@0x0')
  if (message.length < nonceBytes + tagBytes) return refuse('malformed', '@0x0', 'truncated')
  const key = await responseKeyOf(exchange, message.subarray(0, nonceBytes))
  const opened = await openWith(key, message.subarray(nonceBytes))
  if (opened.ok) spend(exchange)
  return opened
}

function tooLarge(at: string): { readonly ok: false; readonly problem: OhttpProblem } {
  return refuse('too-large', at, `more than ${channelLimits.messageBytesMax} bytes`)
}
