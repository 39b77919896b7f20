import { jsonOf, ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { Effects } from '../app/effects.ts'
import { verificationTimeoutMs } from '../limits.ts'

export type FetchCode = 'no-answer' | 'unavailable' | 'declined' | 'answer-malformed'

/** Why a service gave no usable answer. `declined` carries the service's own code in `detail`. */
export type FetchProblem = Problem<FetchCode>

const depthMax = 64

/**
 * Fetches JSON of limited size.
 *
 * @returns the value; `no-answer`, `unavailable` (5xx, 429) or `answer-malformed` where the service
 * cannot be reached as it should be; `declined` where it answered that it will not.
 */
export async function fetchJson(
  effects: Effects,
  url: string,
  bytesMax: number,
  body?: object,
): Promise<Result<unknown, FetchProblem>> {
  const init: RequestInit = {
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
    signal: AbortSignal.timeout(verificationTimeoutMs),
  }
  const posted =
    body === undefined
      ? init
      : {
          ...init,
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }
  try {
    const response = await effects.fetch(url, posted)
    if (response.status >= 500 || response.status === 429) {
      return refuse('unavailable', url, `the service answered ${response.status}`)
    }
    const value = jsonOf(new Uint8Array(await response.arrayBuffer()), { bytesMax, depthMax })
    if (!response.ok) {
      return refuse('declined', url, codeOf(value.ok ? value.value : undefined, response.status))
    }
    return value.ok ? ok(value.value) : refuse('answer-malformed', url, value.problem.code)
  } catch {
    return refuse('no-answer', url, 'the service did not answer')
  }
}

/** The service's own code: Azure's `error.code`, or the last part of a problem's `type`. */
function codeOf(value: unknown, status: number): string {
  const body = value as { error?: { code?: unknown }; type?: unknown } | null | undefined
  const code = body?.error?.code ?? body?.type
  return typeof code === 'string' ? code.slice(0, 200) : `http-${status}`
}
