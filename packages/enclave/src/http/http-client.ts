import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { Agent, type Dispatcher } from 'undici'

export interface HttpRequest {
  readonly method?: 'GET' | 'POST'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  /** Of a header that came more than once, the first. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** HTTP to services that are not attested: an answer, or that there is none. */
export interface HttpClient {
  send(request: HttpRequest): Promise<Result<HttpAnswer, Problem<'unanswered'>>>
  close(): Promise<void>
}

/** A client with a limit on time and on the size of answers. It follows no redirect. */
export function createHttpClient(limits: {
  readonly secondsMax: number
  readonly answerBytesMax: number
}): HttpClient {
  const milliseconds = limits.secondsMax * 1000
  const agent = new Agent({
    connect: { timeout: milliseconds },
    headersTimeout: milliseconds,
    bodyTimeout: milliseconds,
    maxResponseSize: limits.answerBytesMax,
    connections: 8,
  })
  return {
    async send({ method = 'GET', url, headers = {}, body }) {
      const { origin, pathname, search } = new URL(url)
      try {
        const answer = await agent.request({
          origin,
          path: pathname + search,
          method,
          headers: { ...headers },
          body: body ?? null,
          signal: AbortSignal.timeout(milliseconds),
        })
        return ok({
          status: answer.statusCode,
          headers: headersOf(answer),
          body: new Uint8Array(await answer.body.arrayBuffer()),
        })
      } catch (error) {
        return refuse('unanswered', '', `no answer (${causeOf(error)})`)
      }
    },
    close: () => agent.destroy(),
  }
}

function headersOf(answer: Dispatcher.ResponseData): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(answer.headers)) {
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined) headers[name] = first
  }
  return headers
}

/** The error's code, never its message: that names addresses. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : error.name
}
