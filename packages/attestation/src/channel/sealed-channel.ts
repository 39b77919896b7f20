/**
 * Sealed HTTP to a verified peer, and to nobody else, in the form of RFC 9458: a request is one sealed message and so is
 * its answer, which is for peers that do not speak the draft of chunks. Whoever speaks to one that does uses
 * `createSealedFetch`.
 *
 * @see docs/spec/sealed-http.md
 * @module
 */

import { decodeResponse, encodeRequest, type Field } from './bhttp.ts'
import { ChannelError } from './channel-error.ts'
import type { SealedExchange } from './encapsulation.ts'
import type { KeyConfig } from './key-config.ts'
import { openResponse, responseMediaType, sealRequest } from './ohttp.ts'
import { isSealed, outerProblemOf } from './outer-answer.ts'
import type { VerifiedPeer } from './peer.ts'
import type { Random } from './random.ts'
import { sealToFirst } from './seal-to-first.ts'
import { isVerifiedPeer } from './verify-peer.ts'

export interface TransferOptions {
  readonly onUploadProgress?: (sentBytes: number, totalBytes: number) => void
  readonly signal?: AbortSignal
}

/** Carries one sealed body to the peer's `/sealed` and brings back what came. It sees ciphertext only. */
export type Transport = (
  body: Uint8Array,
  options: TransferOptions,
) => Promise<{
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
}>

export interface ChannelRequest {
  readonly method: string
  /** Path and query, from the root. */
  readonly path: string
  /** Names of either case. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

export interface ChannelResponse {
  readonly status: number
  /** Lower-case names; values of one name are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

declare const sealed: unique symbol

/** The only way to send anything to a peer. Only {@link openChannel} makes one. */
export interface SealedChannel {
  readonly [sealed]: true
  readonly peer: VerifiedPeer
  /**
   * Sends a request sealed to the peer and opens its answer, whatever its status.
   *
   * Rejects with a {@link ChannelError}: `unavailable`, `stale-key` and the other codes that a peer answers
   * unsealed, `unsealed-response`, `not-opened`, or a code of binary HTTP. An aborted `signal` rejects with
   * its own reason.
   */
  fetch(request: ChannelRequest, options?: TransferOptions): Promise<ChannelResponse>
}

/**
 * Opens the channel to a verified peer.
 *
 * @param peer - from {@link verifyPeer}; a copy or a cast of one is refused by throwing.
 * @param transport - carries sealed bytes; everything it sees may be public.
 * @param options - `random` for ephemeral keys.
 */
export function openChannel(
  peer: VerifiedPeer,
  transport: Transport,
  options: { readonly random: Random },
): SealedChannel {
  if (!isVerifiedPeer(peer)) throw new TypeError('not a peer that was verified')
  const { keyConfigs } = peer
  if (keyConfigs.length === 0) throw new TypeError('this peer offers no sealed channel')
  const channel: Omit<SealedChannel, typeof sealed> = {
    peer,
    fetch: async (request, transfer = {}) => {
      const { message, exchange } = await seal(keyConfigs, request, options.random)
      return openAnswer(await carry(transport, message, transfer), exchange)
    },
  }
  return Object.freeze(channel) as SealedChannel
}

type Answer = Awaited<ReturnType<Transport>>

function seal(
  configs: readonly KeyConfig[],
  { body, headers, method, path }: ChannelRequest,
  random: Random,
): Promise<{ readonly message: Uint8Array; readonly exchange: SealedExchange }> {
  const request = encodeRequest({
    method,
    scheme: 'https',
    // The peer is named by its evidence, not by a host.
    authority: '',
    path,
    headers: Object.entries(headers ?? {}).map(
      ([name, value]): Field => [name.toLowerCase(), value],
    ),
    body: body ?? new Uint8Array(),
  })
  return sealToFirst(configs, (config) => sealRequest({ config, request, random }))
}

async function carry(
  transport: Transport,
  message: Uint8Array,
  transfer: TransferOptions,
): Promise<Answer> {
  try {
    return await transport(message, transfer)
  } catch (cause) {
    if (transfer.signal?.aborted === true) throw transfer.signal.reason
    const problem = { code: 'unavailable', at: 'transport', detail: 'nothing came back' } as const
    throw new ChannelError(problem, { cause })
  }
}

async function openAnswer(answer: Answer, exchange: SealedExchange): Promise<ChannelResponse> {
  if (!isSealed(answer, responseMediaType)) {
    throw new ChannelError(outerProblemOf(answer))
  }
  const opened = await openResponse({ exchange, message: answer.body })
  if (!opened.ok) throw new ChannelError(opened.problem)
  const response = decodeResponse(opened.value)
  if (!response.ok) throw new ChannelError(response.problem)
  const { status, headers, body } = response.value
  return { status, headers: recordOf(headers), body }
}

function recordOf(fields: readonly Field[]): Readonly<Record<string, string>> {
  const joined = new Map<string, string>()
  for (const [name, value] of fields) {
    const before = joined.get(name)
    joined.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return Object.fromEntries(joined)
}
