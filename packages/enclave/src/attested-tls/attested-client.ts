import {
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { Client, type Dispatcher } from 'undici'
import type { Clock } from '../effects/index.ts'
import { causeOf } from '../http/http-client.ts'
import type { TlsIdentity } from '../identity/tls-identity.ts'
import type { ConnectCode } from './connect.ts'
import { ConnectFailure, pinnedConnector } from './dispatcher.ts'
import { attestedTlsLimits } from './limits.ts'

export interface AttestedClientOptions<Code extends string = string> {
  readonly tls: TlsIdentity
  /** `https://127.0.0.1:1234` */
  readonly origin: string
  /** Base64url SHA-256 of the DER. */
  readonly pinnedCertificateSha256: string
  /** A new access token, for one connection: `() => passport.accessToken(audience, purpose)`. */
  readonly accessToken: () => Promise<
    Result<{ readonly token: string; readonly expiresAt: UnixSeconds }, Problem<Code>>
  >
  readonly clock: Clock
  /** How many requests are under way at once; 4 unless said. Each connection has its own access token. */
  readonly connectionsMax?: number
  /** 30 unless said. */
  readonly requestSecondsMax?: number
  /** 16 MiB unless said. */
  readonly responseBytesMax?: number
}

export interface AttestedRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  readonly signal?: AbortSignal
  /**
   * Whether it may be sent twice. If so, it is sent again when a connection that was kept open turns out
   * to have ended. True unless said for all methods but POST.
   */
  readonly idempotent?: boolean
}

export interface AttestedResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** `peer-unreachable`, `busy` and `timed-out` are the world's, and may be retried. */
export type RequestCode = ConnectCode | 'response-too-large' | 'timed-out' | 'busy'

export interface AttestedClient<Code extends string = string> {
  /**
   * Sends a request with the connection's own access token.
   *
   * @returns the answer, whatever its status; or one of {@link RequestCode}, or why there is no token.
   */
  request(request: AttestedRequest): Promise<Result<AttestedResponse, Problem<Code | RequestCode>>>
  close(): Promise<void>
}

/** HTTP to one attested peer: pinned to its certificate, one access token a connection. */
export function createAttestedClient<Code extends string>(
  options: AttestedClientOptions<Code>,
): AttestedClient<Code> {
  const connectionsMax = options.connectionsMax ?? 4
  const lanes: Lane[] = []
  const idle: Lane[] = []
  const waiting: ((lane: Lane) => void)[] = []

  const openLane = (): Lane => {
    const client = new Client(options.origin, {
      pipelining: 1,
      maxResponseSize: options.responseBytesMax ?? attestedTlsLimits.responseBytesMax,
      connect: pinnedConnector(options),
    })
    const lane: Lane = { client, token: undefined }
    // The peer lets a token in on one connection: the next connection needs its own.
    client.on('disconnect', () => {
      lane.token = undefined
    })
    lanes.push(lane)
    return lane
  }
  const take = async (): Promise<Lane | undefined> => {
    const lane = idle.pop()
    if (lane !== undefined) return lane
    if (lanes.length < connectionsMax) return openLane()
    if (waiting.length >= attestedTlsLimits.waitingMax) return undefined
    return new Promise((resolve) => waiting.push(resolve))
  }
  const giveBack = (lane: Lane): void => {
    const next = waiting.shift()
    if (next === undefined) idle.push(lane)
    else next(lane)
  }

  /** The lane's token; another one when it has less than ten seconds left. */
  const tokenOf = async (lane: Lane): Promise<Result<string, Problem<Code>>> => {
    const held = lane.token
    if (held !== undefined && held.expiresAt - options.clock.now() > 10) return ok(held.token)
    const fresh = await options.accessToken()
    if (!fresh.ok) return fresh
    lane.token = fresh.value
    return ok(fresh.value.token)
  }

  const sendOn = async (
    lane: Lane,
    request: AttestedRequest,
  ): Promise<Result<AttestedResponse, Problem<Code | RequestCode>>> => {
    const token = await tokenOf(lane)
    if (!token.ok) return token
    const timeout = AbortSignal.timeout(
      (options.requestSecondsMax ?? attestedTlsLimits.requestSecondsMax) * 1000,
    )
    try {
      const answer = await lane.client.request({
        method: request.method,
        path: request.path,
        headers: { ...request.headers, authorization: `Bearer ${token.value}` },
        body: request.body ?? null,
        signal: request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]),
      })
      const body = new Uint8Array(await answer.body.arrayBuffer())
      return ok({ status: answer.statusCode, headers: headersOf(answer), body })
    } catch (error) {
      return problemOf(error, timeout.aborted)
    }
  }

  return {
    async request(request) {
      const lane = await take()
      if (lane === undefined) return refuse('busy', '', 'too many requests wait for this peer')
      try {
        const wasOpen = lane.token !== undefined
        const first = await sendOn(lane, request)
        if (!needsSecond(first, wasOpen, request)) return first
        lane.token = undefined
        return await sendOn(lane, request)
      } finally {
        giveBack(lane)
      }
    },
    async close() {
      await Promise.all(lanes.map(({ client }) => client.destroy()))
    },
  }
}

/**
 * Whether to send once more, with a token of now. After 401, since nothing was done with a request that
 * was not admitted: the connection had changed, or the token had just ended. And after a connection that
 * was kept open was found to have ended, if the request may be sent twice.
 */
function needsSecond(
  first: Result<AttestedResponse, Problem>,
  wasOpen: boolean,
  { method, idempotent = method !== 'POST', signal }: AttestedRequest,
): boolean {
  if (first.ok) return first.value.status === 401
  if (first.problem.code !== 'peer-unreachable' || signal?.aborted) return false
  return wasOpen && idempotent
}

/** One connection, used by one request at a time. */
interface Lane {
  readonly client: Client
  token: { readonly token: string; readonly expiresAt: UnixSeconds } | undefined
}

function headersOf(answer: Dispatcher.ResponseData): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}

function problemOf(
  error: unknown,
  timedOut: boolean,
): { readonly ok: false; readonly problem: Problem<RequestCode> } {
  if (error instanceof ConnectFailure) return refuse(error.code, 'tls', error.message)
  if (timedOut) return refuse('timed-out', '', 'no answer in time')
  const cause = causeOf(error)
  return cause === 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
    ? refuse('response-too-large', 'body', 'the answer is too large')
    : refuse('peer-unreachable', '', `no answer (${cause})`)
}
