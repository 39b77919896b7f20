import { ok, type Problem, type Result, type UnixSeconds } from '@sealward/attestation/bytes'
import type { TeeRole } from '@sealward/attestation/evidence'
import type { Dispatcher } from 'undici'
import { causeOf } from '../http/http-client.ts'
import type { TlsIdentity } from '../identity/index.ts'
import { failure, type PeerFailure } from '../peers/index.ts'
import type { AttestedSession } from './attest-session.ts'
import type { AttestedTls } from './attested-tls.ts'
import { ConnectFailure } from './connect-failure.ts'
import { createLanes, type Lane, type OpenLane } from './lanes.ts'
import { attestedTlsLimits } from './limits.ts'

export interface AttestedClientOptions<Code extends string = string> {
  readonly attested: AttestedTls
  /** `https://127.0.0.1:1234` */
  readonly origin: string
  /** What whoever answers there must be. */
  readonly role: TeeRole
  /**
   * A new access token, for one connection and bound to what is shown on it:
   * `(own) => passport.accessToken(audience, purpose, own)`. Without one, requests carry none.
   */
  readonly accessToken?: (
    own: TlsIdentity,
  ) => Promise<Result<{ readonly token: string; readonly expiresAt: UnixSeconds }, Problem<Code>>>
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
  /** Who answered, and what was shown to it. */
  readonly session: AttestedSession
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** A request, or what makes one for what is shown on a connection. */
export type Asked<Code extends string = string> =
  | AttestedRequest
  | ((own: TlsIdentity) => Promise<Result<AttestedRequest, Problem<Code>>>)

export interface AttestedClient<Code extends string = string> {
  /**
   * Sends a request over a connection to a verified peer, with the connection's own access token.
   *
   * @param request - or what makes it, where it depends on what is shown on the connection.
   * @returns the answer, whatever its status; or why there is no verified peer, no token, or no answer in time.
   */
  request(request: Asked<Code>): Promise<Result<AttestedResponse, PeerFailure | Problem<Code>>>
  close(): Promise<void>
}

/** HTTP to attested peers of one role at one address: each connection is verified, and has an access token of its own. */
export function createAttestedClient<Code extends string = never>(
  options: AttestedClientOptions<Code>,
): AttestedClient<Code> {
  const { attested, role } = options
  const { clock } = attested.trust
  const lanes = createLanes(attested, {
    origin: options.origin,
    role,
    connectionsMax: options.connectionsMax ?? 4,
    responseBytesMax: options.responseBytesMax ?? attestedTlsLimits.responseBytesMax,
  })
  const tokens = new WeakMap<
    OpenLane,
    { readonly token: string; readonly expiresAt: UnixSeconds }
  >()

  /** The connection's token; another one when it has less than ten seconds left. */
  const headersOf = async (
    open: OpenLane,
  ): Promise<Result<Readonly<Record<string, string>>, Problem<Code>>> => {
    if (options.accessToken === undefined) return ok({})
    const held = tokens.get(open)
    const fresh =
      held !== undefined && held.expiresAt - clock.now() > 10
        ? ok(held)
        : await options.accessToken(open.connection.own)
    if (!fresh.ok) return fresh
    tokens.set(open, fresh.value)
    return ok({ authorization: `Bearer ${fresh.value.token}` })
  }

  const sendOn = async (
    open: OpenLane,
    request: AttestedRequest,
  ): Promise<Result<AttestedResponse, PeerFailure | Problem<Code>>> => {
    const headers = await headersOf(open)
    if (!headers.ok) return headers
    const timeout = AbortSignal.timeout(
      (options.requestSecondsMax ?? attestedTlsLimits.requestSecondsMax) * 1000,
    )
    try {
      const answer = await open.client.request({
        method: request.method,
        path: request.path,
        headers: { ...request.headers, ...headers.value },
        body: request.body ?? null,
        signal: request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]),
      })
      return ok({
        session: open.connection,
        status: answer.statusCode,
        headers: namedHeaders(answer),
        body: new Uint8Array(await answer.body.arrayBuffer()),
      })
    } catch (error) {
      return failureOfRequest(error, timeout.aborted)
    }
  }

  /** Once, and once more where nothing can have been done with the first. */
  const sendBy = async (
    lane: Lane,
    asked: Asked<Code>,
  ): Promise<Result<AttestedResponse, PeerFailure | Problem<Code>>> => {
    for (let attempt = 0; ; attempt++) {
      const wasOpen = lane.open !== undefined
      const open = await lanes.openOf(lane)
      if (!open.ok) return open
      const request =
        typeof asked === 'function' ? await asked(open.value.connection.own) : ok(asked)
      if (!request.ok) return request
      const answer = await sendOn(open.value, request.value)
      if (attempt > 0 || !needsSecond(answer, wasOpen, request.value)) return answer
      tokens.delete(open.value)
      if (!answer.ok) {
        if (lane.open === open.value) lane.open = undefined
        void open.value.client.destroy()
      }
    }
  }

  return {
    async request(asked) {
      const lane = await lanes.take()
      if (!lane.ok) return lane
      try {
        return await sendBy(lane.value, asked)
      } finally {
        lanes.giveBack(lane.value)
      }
    },
    close: () => lanes.close(),
  }
}

/**
 * Whether to send once more, with a token of now. After 401, since nothing was done with a request that
 * was not admitted: the token had just ended. After the peer's verification had, for then nothing was sent. And after
 * a connection that was kept open was found to have ended, if the request may be sent twice.
 */
function needsSecond(
  first: Result<AttestedResponse, Problem>,
  wasOpen: boolean,
  { method, idempotent = method !== 'POST', signal }: AttestedRequest,
): boolean {
  if (first.ok) return first.value.status === 401
  if (signal?.aborted) return false
  if (first.problem.code === 'verification-ended') return true
  if (first.problem.code !== 'peer-unreachable') return false
  return wasOpen && idempotent
}

function namedHeaders(answer: Dispatcher.ResponseData): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}

function failureOfRequest(
  error: unknown,
  timedOut: boolean,
): { readonly ok: false; readonly problem: PeerFailure } {
  if (timedOut) return failure('unavailable', 'timed-out', '', 'no answer in time')
  if (error instanceof ConnectFailure) return { ok: false, problem: error.problem }
  const cause = causeOf(error)
  return cause === 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
    ? failure('refused', 'response-too-large', 'body', 'the answer is too large')
    : failure('unavailable', 'peer-unreachable', '', `no answer (${cause})`)
}
