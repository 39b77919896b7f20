/**
 * What comes back outside of the seal. It is anybody's word.
 *
 * @module
 */

import { jsonOf, type Problem } from '../bytes/index.ts'
import type { ChannelCode } from './channel-error.ts'
import type { OhttpCode } from './encapsulation.ts'

/** An answer as the outer connection gave it, or the beginning of one. */
export interface OuterAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
}

/** Bytes of an answer's body that {@link outerProblemOf} looks at. */
export const outerProblemBytesMax = 4096

/** Whether an answer says that it is sealed. */
export function isSealed(
  { status, contentType }: Omit<OuterAnswer, 'body'>,
  mediaType: string,
): boolean {
  return status === 200 && mediaTypeOf(contentType) === mediaType
}

/** What an answer that is not sealed comes to. Nothing of it is taken over but a code that we know. */
export function outerProblemOf(answer: OuterAnswer): Problem<ChannelCode> {
  const at = `status ${answer.status}`
  const stated = statedCodeOf(answer)
  const code = outerCodes.find((one) => one === stated)
  if (code !== undefined) return { code, at, detail: 'the peer, or whoever is between, refused' }
  return answer.status >= 500
    ? { code: 'unavailable', at, detail: 'the peer cannot be had' }
    : { code: 'unsealed-response', at, detail: 'an answer that is not sealed is not believed' }
}

const outerCodes: readonly OhttpCode[] = [
  'malformed',
  'truncated',
  'too-large',
  'stale-key',
  'unsupported-suite',
  'not-opened',
  'replayed',
  'replay-window-full',
]

function statedCodeOf({ contentType, body }: OuterAnswer): string | undefined {
  if (mediaTypeOf(contentType) !== 'application/problem+json') return undefined
  const json = jsonOf(body, { bytesMax: outerProblemBytesMax, depthMax: 4 })
  const { type } = ((json.ok ? json.value : undefined) ?? {}) as { readonly type?: unknown }
  const prefix = 'urn:sealward:problem:'
  return typeof type === 'string' && type.startsWith(prefix) ? type.slice(prefix.length) : undefined
}

function mediaTypeOf(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase()
}
