import { concat, jsonOf, ok } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'
import { type Outcome, unavailable } from './problem.ts'

/** What the command line needs of the world. */
export interface Effects {
  readonly fetch: typeof fetch
  readonly clock: { now(): number }
  readonly random: { bytes(length: number): Uint8Array }
  /** Resolves after that many milliseconds; rejects with the signal's reason. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export interface HttpAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
}

/**
 * Sends a request and reads the whole answer, whatever its status.
 *
 * @param what - names the service in a problem: `platform`.
 * @returns the answer, or `<what>-unavailable`.
 */
export async function send(
  { fetch }: Pick<Effects, 'fetch'>,
  what: string,
  url: string,
  init: RequestInit & { readonly duplex?: 'half' },
  bounds: { readonly msMax: number; readonly bytesMax: number; readonly signal?: AbortSignal },
): Promise<Outcome<HttpAnswer>> {
  const deadline = AbortSignal.timeout(bounds.msMax)
  const signal = bounds.signal === undefined ? deadline : AbortSignal.any([deadline, bounds.signal])
  try {
    const response = await fetch(url, { ...init, signal, redirect: 'error' })
    const body = await readBody(response, bounds.bytesMax)
    if (body === undefined) {
      return unavailable(`${what}-unavailable`, what, 'the answer is longer than it may be')
    }
    const contentType = response.headers.get('content-type') ?? ''
    return ok({ status: response.status, contentType, body })
  } catch (error) {
    if (bounds.signal?.aborted === true) throw bounds.signal.reason
    if (!isNetworkError(error)) throw error
    return unavailable(
      `${what}-unavailable`,
      what,
      `nothing answers at ${URL.parse(url)?.origin ?? url}`,
    )
  }
}

/** As {@link send}, for documents: the JSON of a 200, or `<what>-unavailable`. */
export async function fetchJson(
  effects: Pick<Effects, 'fetch'>,
  what: string,
  url: string,
  init: RequestInit = {},
): Promise<Outcome<unknown>> {
  const bounds = { msMax: limits.answerMsMax, bytesMax: limits.documentBytesMax }
  const answer = await send(effects, what, url, init, bounds)
  if (!answer.ok) return answer
  const { status, body } = answer.value
  if (status !== 200) return unavailable(`${what}-unavailable`, what, `it answered ${status}`)
  const json = jsonOf(body, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
  return json.ok ? json : unavailable(`${what}-unavailable`, what, 'it did not answer with JSON')
}

/** The whole body of an answer; `undefined` when it is longer. */
export async function readBody(
  response: Response,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  if (response.body === null) return new Uint8Array()
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > bytesMax) return undefined
    chunks.push(chunk)
  }
  return concat(...chunks)
}

/** `fetch` tells everything that goes wrong on the way by these; other errors are bugs. */
function isNetworkError(error: unknown): boolean {
  return (
    (error instanceof TypeError && error.cause !== undefined) ||
    (error instanceof TypeError && error.message === 'fetch failed') ||
    (error instanceof DOMException && ['TimeoutError', 'AbortError'].includes(error.name))
  )
}
