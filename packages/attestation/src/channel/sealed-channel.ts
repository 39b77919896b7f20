/**
 * Sealed HTTP to a verified peer, and to nobody else.
 *
 * @see docs/spec/sealed-http.md
 * @module
 */

import { equalBytes, jsonOf, type Problem } from '../bytes/index.ts'
import { decodeResponse, encodeRequest, type Field } from './bhttp.ts'
import { type ChannelCode, ChannelError } from './channel-error.ts'
import type { OhttpCode, SealedExchange } from './encapsulation.ts'
import type { KeyConfig } from './key-config.ts'
import { openResponse, responseMediaType, sealRequest } from './ohttp.ts'
import type { VerifiedPeer } from './peer.ts'
import type { Random } from './random.ts'
import { preferred } from './suite.ts'
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
  const keyConfigs = preferred(peer.keyConfigs)
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

/**
 * Whether two verifications found a key in common. `stale-key` comes unsealed, so it is anybody's word: a peer
 * that still offers the key may have opened the request, and sending it again would have it done twice.
 */
export function isKeyShared(one: VerifiedPeer, other: VerifiedPeer): boolean {
  return one.keyConfigs.some((a) =>
    other.keyConfigs.some((b) => a.kem === b.kem && equalBytes(a.publicKey, b.publicKey)),
  )
}

type Answer = Awaited<ReturnType<Transport>>

async function seal(
  configs: readonly KeyConfig[],
  request: ChannelRequest,
  random: Random,
): Promise<{ readonly message: Uint8Array; readonly exchange: SealedExchange }> {
  const encoded = encodeRequest({
    method: request.method,
    scheme: 'https',
    // The peer is named by its evidence, not by a host.
    authority: '',
    path: request.path,
    headers: Object.entries(request.headers ?? {}).map(
      ([name, value]): Field => [name.toLowerCase(), value],
    ),
    body: request.body ?? new Uint8Array(),
  })
  const [config, ...others] = configs
  if (config === undefined) throw new Error('unreachable: there is one at least')
  const sealedRequest = await sealRequest({ config, request: encoded, random })
  if (sealedRequest.ok) return sealedRequest.value
  // Not every browser knows ML-KEM, or X25519; a peer may offer another beside it.
  const isUnknownHere = sealedRequest.problem.code === 'unsupported-suite'
  if (isUnknownHere && others.length > 0) return seal(others, request, random)
  throw new ChannelError(sealedRequest.problem)
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
  if (answer.status !== 200 || mediaTypeOf(answer) !== responseMediaType) {
    throw new ChannelError(outerProblemOf(answer))
  }
  const opened = await openResponse({ exchange, message: answer.body })
  if (!opened.ok) throw new ChannelError(opened.problem)
  const response = decodeResponse(opened.value)
  if (!response.ok) throw new ChannelError(response.problem)
  const { status, headers, body } = response.value
  return { status, headers: recordOf(headers), body }
}

function mediaTypeOf({ contentType }: Answer): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase()
}

const outerCodes: readonly OhttpCode[] = [
  'malformed',
  'too-large',
  'stale-key',
  'unsupported-suite',
  'not-opened',
  'replayed',
  'replay-window-full',
]

/** An unsealed answer is anybody's word: nothing of it is taken over but a code that we know. */
function outerProblemOf(answer: Answer): Problem<ChannelCode> {
  const at = `status ${answer.status}`
  const code = outerCodes.find((one) => one === statedCodeOf(answer))
  if (code !== undefined) return { code, at, detail: 'the peer, or whoever is between, refused' }
  return answer.status >= 500
    ? { code: 'unavailable', at, detail: 'the peer cannot be had' }
    : { code: 'unsealed-response', at, detail: 'an answer that is not sealed is not believed' }
}

function statedCodeOf(answer: Answer): string | undefined {
  if (mediaTypeOf(answer) !== 'application/problem+json') return undefined
  const json = jsonOf(answer.body, { bytesMax: 4096, depthMax: 4 })
  const { type } = ((json.ok ? json.value : undefined) ?? {}) as { readonly type?: unknown }
  const prefix = 'urn:sealward:problem:'
  return typeof type === 'string' && type.startsWith(prefix) ? type.slice(prefix.length) : undefined
}

function recordOf(fields: readonly Field[]): Readonly<Record<string, string>> {
  const joined = new Map<string, string>()
  for (const [name, value] of fields) {
    const before = joined.get(name)
    joined.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return Object.fromEntries(joined)
}
