import type { Problem } from '@sealward/attestation/bytes'
import { base64UrlOf, jsonOf, textOf, utf8Of } from '@sealward/attestation/bytes'
import { ChannelError, type ChannelResponse } from '@sealward/attestation/channel'
import { sealedResponseBytesMax } from '../limits.ts'
import type { Session } from '../sign-in/session.ts'
import { type Connection, NotVerified } from '../verification/connection.ts'

/** Why the platform did not do what was asked. */
export interface PlatformProblem extends Problem {
  /** Absent where no answer came. */
  readonly status?: number
}

/** How a {@link PlatformProblem} leaves a promise, which is how queries and mutations learn of it. */
export class PlatformError extends Error {
  readonly problem: PlatformProblem
  constructor(problem: PlatformProblem) {
    super(problem.code)
    this.problem = problem
  }
}

/** Whether the platform answered that there is nothing: it never was, or it was erased. */
export function isGone(error: unknown): boolean {
  return (
    error instanceof PlatformError &&
    error.problem.code === 'not-found' &&
    error.problem.status === 404
  )
}

export interface PlatformRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer> | Blob
  readonly onUploadProgress?: (sentBytes: number, totalBytes: number | undefined) => void
  readonly signal?: AbortSignal
}

/** The platform's API, inside the sealed channel and in the name of who is signed in. */
export interface Platform {
  /** Resolves with an answer of status 2xx; rejects with {@link PlatformError} otherwise. */
  send(request: PlatformRequest): Promise<ChannelResponse>
  read<T>(path: string, signal?: AbortSignal): Promise<T>
  /** Writes a resource and resolves with what was written, and the answer's header fields. */
  write<T>(
    method: 'POST' | 'PUT',
    path: string,
    resource: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly value: T; readonly headers: ChannelResponse['headers'] }>
}

const jsonDepthMax = 64

/** @param random - for the keys of requests that must not be done twice and have none of their own. */
export function openPlatform(
  connection: Connection,
  session: Session,
  random: (length: number) => Uint8Array,
): Platform {
  const send = async (request: PlatformRequest): Promise<ChannelResponse> => {
    const state = session.state.get()
    if (state.kind !== 'signed-in') throw new PlatformError(signedOut)
    const { path, ...init } = request
    const headers = {
      accept: 'application/json',
      ...(request.method === 'POST' && { 'idempotency-key': base64UrlOf(random(16)) }),
      ...request.headers,
      authorization: `Bearer ${state.tokens.accessToken}`,
    }
    const response = await connection
      .fetch(path, { ...init, headers })
      .then(wholeOf)
      .catch((error: unknown) => {
        throw new PlatformError(problemOfFailure(error, request.signal))
      })
    if (response.status >= 200 && response.status < 300) return response
    if (response.status === 401) session.expire()
    throw new PlatformError(problemOfAnswer(response))
  }
  return {
    send,
    async read<T>(path: string, signal?: AbortSignal) {
      const response = await send({ method: 'GET', path, ...(signal && { signal }) })
      return bodyOf<T>(response)
    },
    async write<T>(
      method: 'POST' | 'PUT',
      path: string,
      resource: object,
      headers: Readonly<Record<string, string>> = {},
    ) {
      const response = await send({
        method,
        path,
        headers: {
          'content-type': path.startsWith('/fhir/') ? fhirJson : 'application/json',
          ...headers,
        },
        body: utf8Of(JSON.stringify(resource)) as Uint8Array<ArrayBuffer>,
      })
      return { value: bodyOf<T>(response), headers: response.headers }
    },
  }
}

async function wholeOf(response: Response): Promise<ChannelResponse> {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: new Uint8Array(await response.arrayBuffer()),
  }
}

const fhirJson = 'application/fhir+json'

const signedOut: PlatformProblem = {
  code: 'signed-out',
  at: 'session',
  detail: 'nobody is signed in',
  status: 401,
}

/** The body as JSON. The platform is attested, so what it sends is taken for what it says it is. */
export function bodyOf<T>(response: ChannelResponse): T {
  const value = jsonOf(response.body, { bytesMax: sealedResponseBytesMax, depthMax: jsonDepthMax })
  if (value.ok) return value.value as T
  throw new PlatformError({ ...value.problem, code: 'answer-malformed', status: response.status })
}

function problemOfFailure(error: unknown, signal: AbortSignal | undefined): PlatformProblem {
  if (signal?.aborted) return { code: 'cancelled', at: 'request', detail: 'cancelled by the user' }
  if (error instanceof ChannelError) return error.problem
  if (error instanceof NotVerified) {
    return { code: 'not-verified', at: 'platform', detail: 'nothing was sent' }
  }
  // A file that was moved or may not be read.
  if (error instanceof DOMException) {
    return { code: 'film-unreadable', at: 'file', detail: error.name }
  }
  return { code: 'unavailable', at: 'platform', detail: 'the platform did not answer' }
}

interface Outcome {
  readonly resourceType?: unknown
  readonly issue?: readonly {
    readonly details?: { readonly coding?: readonly { readonly code?: unknown }[] }
    readonly diagnostics?: unknown
    readonly expression?: readonly unknown[]
  }[]
  readonly type?: unknown
  readonly detail?: unknown
  readonly at?: unknown
}

const problemPrefix = 'urn:sealward:problem:'

/** Reads an OperationOutcome, or problem details (RFC 9457). */
export function problemOfAnswer({ status, body }: ChannelResponse): PlatformProblem {
  const outcome = outcomeOf(body)
  const issue = outcome.issue?.[0]
  const code =
    issue?.details?.coding?.[0]?.code ??
    (typeof outcome.type === 'string' ? outcome.type.replace(problemPrefix, '') : undefined)
  const at = issue?.expression?.[0] ?? outcome.at
  const detail = issue?.diagnostics ?? outcome.detail
  return {
    status,
    code: typeof code === 'string' ? code : `http-${status}`,
    at: typeof at === 'string' ? at : '',
    detail: typeof detail === 'string' ? detail : '',
  }
}

function outcomeOf(body: Uint8Array): Outcome {
  try {
    return Object(JSON.parse(textOf(body) ?? '')) as Outcome
  } catch {
    return {}
  }
}
