import type { Problem, Result } from '../bytes/index.ts'
import type { KeyConfig, OhttpKey } from './key-config.ts'
import type { Random } from './random.ts'
import type { ReplayWindow } from './replay-window.ts'

export type OhttpCode =
  | 'malformed'
  | 'too-large'
  | 'stale-key'
  | 'unsupported-suite'
  | 'not-opened'
  | 'replayed'
  | 'replay-window-full'

export type OhttpProblem = Problem<OhttpCode>

declare const exchange: unique symbol

/** What one side keeps between a request and its response. Serves one response. */
export interface SealedExchange {
  readonly [exchange]: 'client' | 'server'
}

export const requestMediaType = 'message/ohttp-req'
export const responseMediaType = 'message/ohttp-res'
export const keysMediaType = 'application/ohttp-keys'

export async function sealRequest(_input: {
  readonly config: KeyConfig
  /** Binary HTTP. */
  readonly request: Uint8Array
  readonly random: Random
}): Promise<{ readonly message: Uint8Array; readonly exchange: SealedExchange }> {
  throw new Error('in progress')
}
export async function openRequest(_input: {
  readonly keys: readonly OhttpKey[]
  readonly message: Uint8Array
  readonly replay: ReplayWindow
}): Promise<
  Result<{ readonly request: Uint8Array; readonly exchange: SealedExchange }, OhttpProblem>
> {
  throw new Error('in progress')
}
export async function sealResponse(_input: {
  readonly exchange: SealedExchange
  /** Binary HTTP. */
  readonly response: Uint8Array
  readonly random: Random
}): Promise<Uint8Array> {
  throw new Error('in progress')
}
export async function openResponse(_input: {
  readonly exchange: SealedExchange
  readonly message: Uint8Array
}): Promise<Result<Uint8Array, OhttpProblem>> {
  throw new Error('in progress')
}
