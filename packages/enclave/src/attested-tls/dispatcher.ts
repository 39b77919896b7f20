import type { TeeRole } from '@sealward/attestation/evidence'
import { Dispatcher } from 'undici'
import { failure, type PeerFailure } from '../peers/index.ts'
import type { AttestedTls } from './attested-tls.ts'
import { ConnectFailure } from './connect-failure.ts'
import { endRequest } from './keep-asking.ts'
import { createLanes, type Lanes } from './lanes.ts'

export interface DispatcherOptions {
  /** What whoever is reached must be. */
  readonly role: TeeRole
  /** Connections to one origin; 4 unless said. */
  readonly connections?: number
}

/**
 * An undici dispatcher each of whose connections is to an attested peer, verified before anything is sent to it, and asked
 * about again before each request. What went wrong otherwise is a {@link ConnectFailure}.
 */
export function createAttestedDispatcher(
  attested: AttestedTls,
  { role, connections: connectionsMax = 4 }: DispatcherOptions,
): Dispatcher {
  const lanesByOrigin = new Map<string, Lanes>()
  const underWay = new Set<Promise<void>>()
  let isClosed = false

  const lanesOf = ({ protocol, origin }: URL): Lanes => {
    if (isClosed) throw new ConnectFailure(closed)
    if (protocol !== 'https:') throw new ConnectFailure(notTls)
    const lanes =
      lanesByOrigin.get(origin) ?? createLanes(attested, { origin, role, connectionsMax })
    lanesByOrigin.set(origin, lanes)
    return lanes
  }

  const send = async (
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): Promise<void> => {
    const lanes = lanesOf(new URL(String(options.origin)))
    const lane = await lanes.take()
    if (!lane.ok) throw new ConnectFailure(lane.problem)
    try {
      const open = await lanes.openOf(lane.value)
      if (!open.ok) throw new ConnectFailure(open.problem)
      const { client, connection } = open.value
      const end = await new Promise<End>((resolve) =>
        client.dispatch(options, endingWith(handler, resolve)),
      )
      // Whoever asked for another protocol has the connection for itself.
      if (end === 'upgraded') {
        lane.value.open = undefined
        endRequest(connection.socket)
      }
    } finally {
      lanes.giveBack(lane.value)
    }
  }

  const destroy = async (): Promise<void> => {
    isClosed = true
    await Promise.all([...lanesByOrigin.values()].map((lanes) => lanes.close()))
  }
  const close = async (): Promise<void> => {
    isClosed = true
    await Promise.all(underWay)
    await destroy()
  }

  // Without private parts, for the library puts a proxy before it.
  class AttestedDispatcher extends Dispatcher {
    override dispatch(
      options: Dispatcher.DispatchOptions,
      handler: Dispatcher.DispatchHandler,
    ): boolean {
      const request = send(options, handler).catch((error: unknown) => {
        // As the library has it: there is no controller before there is a request.
        handler.onResponseError?.(null as never, error as Error)
      })
      underWay.add(request)
      void request.finally(() => underWay.delete(request))
      return true
    }
    override close(): Promise<void>
    override close(callback: () => void): void
    override async close(callback?: () => void): Promise<void> {
      await close()
      callback?.()
    }
    override destroy(error?: Error | null): Promise<void>
    override destroy(callback: () => void): void
    override destroy(error: Error | null, callback: () => void): void
    override async destroy(
      first?: Error | null | (() => void),
      callback = typeof first === 'function' ? first : undefined,
    ): Promise<void> {
      await destroy()
      callback?.()
    }
  }
  return new AttestedDispatcher()
}

type End = 'answered' | 'failed' | 'upgraded'

/** Passes everything on, and says when nothing follows. */
function endingWith(
  handler: Dispatcher.DispatchHandler,
  end: (end: End) => void,
): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (...given) => handler.onRequestStart?.(...given),
    onBodySent: (...given) => handler.onBodySent?.(...given),
    onRequestSent: () => handler.onRequestSent?.(),
    onResponseStarted: () => handler.onResponseStarted?.(),
    onResponseStart: (...given) => handler.onResponseStart?.(...given),
    onResponseData: (...given) => handler.onResponseData?.(...given),
    onRequestUpgrade: (...given) => {
      end('upgraded')
      handler.onRequestUpgrade?.(...given)
    },
    onResponseEnd: (...given) => {
      end('answered')
      handler.onResponseEnd?.(...given)
    },
    onResponseError: (...given) => {
      end('failed')
      handler.onResponseError?.(...given)
    },
  }
}

const closed: PeerFailure = failure(
  'unavailable',
  'peer-unreachable',
  '',
  'The dispatcher was closed.',
).problem

const notTls: PeerFailure = failure(
  'refused',
  'tls-handshake',
  'url',
  'Attested peers are met over TLS only.',
).problem
