import { ok, type Result } from '@sealward/attestation/bytes'
import type { TeeRole } from '@sealward/attestation/evidence'
import { Client } from 'undici'
import { failure, type PeerFailure } from '../peers/index.ts'
import type { AttestedTls } from './attested-tls.ts'
import { type AttestedConnection, connectAttested } from './connect.ts'
import { beginRequest, endRequest } from './keep-asking.ts'
import { attestedTlsLimits } from './limits.ts'

/** One request at a time, over one connection after the other. */
export interface Lane {
  open: OpenLane | undefined
}

export interface OpenLane {
  readonly client: Client
  readonly connection: AttestedConnection
}

export interface LaneOptions {
  /** `https://127.0.0.1:1234` */
  readonly origin: string
  /** What whoever answers there must be. */
  readonly role: TeeRole
  readonly connectionsMax: number
  readonly responseBytesMax?: number
}

/** Connections to peers of one role at one address. Whoever takes a lane gives it back. */
export interface Lanes {
  /** A lane that nobody else has, when there is one; or why there will be none. */
  take(): Promise<Result<Lane, PeerFailure>>
  giveBack(lane: Lane): void
  /** The lane's connection for one request, if its peer is believed still; another one if it has ended, or was verified long ago. */
  openOf(lane: Lane): Promise<Result<OpenLane, PeerFailure>>
  /** Ends what is open and what is being opened, at once. */
  close(): Promise<void>
}

export function createLanes(attested: AttestedTls, options: LaneOptions): Lanes {
  const { role, connectionsMax } = options
  const { hostname: host, port } = new URL(options.origin)
  const lanes: Lane[] = []
  const idle: Lane[] = []
  const waiting: ((lane: Result<Lane, PeerFailure>) => void)[] = []
  let isClosed = false

  const connect = async (lane: Lane): Promise<Result<OpenLane, PeerFailure>> => {
    const connection = await connectAttested(attested, { host, port: Number(port || 443), role })
    if (!connection.ok) return connection
    const { socket } = connection.value
    if (isClosed) socket.destroy()
    if (isClosed) return closed
    if (socket.destroyed) {
      return failure('unavailable', 'peer-unreachable', 'tls', 'no connection (closed)')
    }
    socket.setNoDelay(true)
    const client = new Client(options.origin, {
      pipelining: 1,
      ...(options.responseBytesMax !== undefined && { maxResponseSize: options.responseBytesMax }),
      // The library is not ready for an answer before it has asked.
      connect: (_target, answer) => queueMicrotask(() => answer(null, socket)),
    })
    const opened: OpenLane = { client, connection: connection.value }
    // The peer lets a token in on one connection: the next connection needs its own.
    socket.once('close', () => {
      if (lane.open === opened) lane.open = undefined
      void client.destroy()
    })
    lane.open = opened
    return ok(opened)
  }

  const standingOf = async (lane: Lane): Promise<Result<OpenLane, PeerFailure>> => {
    const { open } = lane
    if (open === undefined || open.connection.socket.destroyed) return connect(lane)
    const stands = await attested.peers.standing(open.connection)
    if (stands.ok) return ok(open)
    const isOver = stands.problem.code === 'verification-ended'
    if (!isOver && stands.problem.kind === 'unavailable') return stands
    lane.open = undefined
    void open.client.destroy()
    return isOver ? connect(lane) : stands
  }

  return {
    async take() {
      if (isClosed) return closed
      const lane = idle.pop()
      if (lane !== undefined) return ok(lane)
      if (lanes.length < connectionsMax) {
        const added: Lane = { open: undefined }
        lanes.push(added)
        return ok(added)
      }
      if (waiting.length >= attestedTlsLimits.waitingMax) {
        return failure('unavailable', 'busy', '', 'too many requests wait for this peer')
      }
      return new Promise((resolve) => waiting.push(resolve))
    },
    giveBack(lane) {
      if (lane.open !== undefined) endRequest(lane.open.connection.socket)
      const next = waiting.shift()
      if (next === undefined) idle.push(lane)
      else next(ok(lane))
    },
    async openOf(lane) {
      if (isClosed) return closed
      const open = await standingOf(lane)
      if (open.ok) beginRequest(open.value.connection.socket)
      return open
    },
    async close() {
      isClosed = true
      for (const waits of waiting.splice(0)) waits(closed)
      await Promise.all(lanes.map(async ({ open }) => open?.client.destroy()))
    },
  }
}

const closed = failure('unavailable', 'peer-unreachable', '', 'the client was closed')
