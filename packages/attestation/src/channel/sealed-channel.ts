import type { Problem } from '../bytes/index.ts'
import type { BinaryHttpCode } from './bhttp.ts'
import type { OhttpCode } from './ohttp.ts'
import type { VerifiedPeer } from './peer.ts'
import type { Random } from './random.ts'

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
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

export interface ChannelResponse {
  readonly status: number
  /** Lower-case names; fields of one name are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export type ChannelCode = OhttpCode | BinaryHttpCode | 'unavailable' | 'unsealed-response'

/** Leaves {@link SealedChannel.fetch} when no sealed response could be had. */
export class ChannelError extends Error {
  readonly problem: Problem<ChannelCode | (string & {})>
  constructor(problem: Problem<ChannelCode | (string & {})>) {
    super(problem.detail)
    this.name = 'ChannelError'
    this.problem = problem
  }
}

declare const sealed: unique symbol

/** The only way to send anything to a peer. Only {@link openChannel} makes one. */
export interface SealedChannel {
  readonly [sealed]: true
  readonly peer: VerifiedPeer
  /** Sends a request sealed to the peer. Rejects with {@link ChannelError}. */
  fetch(request: ChannelRequest, options?: TransferOptions): Promise<ChannelResponse>
}

export function openChannel(
  _peer: VerifiedPeer,
  _transport: Transport,
  _options: { readonly random: Random },
): SealedChannel {
  throw new Error('in progress')
}
