import type { TLSSocket } from 'node:tls'
import { base64UrlOf, jsonOf, ok, type Result } from '@sealward/attestation/bytes'
import type { VerifiedPeer } from '@sealward/attestation/channel'
import { connectAttested, connectUnverified } from '@sealward/enclave/attested-tls'
import type { Passport, TlsIdentity } from '@sealward/enclave/identity'
import {
  failure,
  type PeerFailure,
  type PeerTrust,
  standingProblem,
  verifyAttested,
} from '@sealward/enclave/peers'
import type { Logger } from '@sealward/enclave/telemetry'
import { Redis, type RedisOptions } from 'ioredis'
import {
  accessTokenReserveSeconds,
  cacheLifetimeSeconds,
  cachePatienceMs,
  cacheRestSeconds,
  cacheValueBytesMax,
  evidenceAnswerBytesMax,
  peerVerificationLifetimeSeconds,
} from '../limits.ts'
import type { SealedCache } from '../store/store.ts'
import type { PeerStatus } from './diagnostics.ts'

export interface CacheStatus extends PeerStatus {
  readonly store: 'redis' | 'in-process' | undefined
}

/** The attested cache. Without it everything works, from the database: it is never a reason to fail. */
export interface Cache extends SealedCache {
  /** Whom the cache is spoken to, or why it is not. */
  status(): Promise<Result<CacheStatus, PeerFailure>>
  close(): Promise<void>
}

/**
 * The cache behind its attested gateway: evidence first, then a token of its own audience, then sealed
 * values under keyed names.
 */
export function createCache(options: {
  readonly host: string
  readonly port: number
  readonly tls: TlsIdentity
  readonly passport: Pick<Passport, 'accessToken'>
  readonly trust: PeerTrust
  readonly log: Logger
}): Cache {
  const { host, log, passport, port, tls, trust } = options
  const { clock, initTimeData, random } = trust
  const audience = `${initTimeData.deployment}:cache-gateway`
  let known:
    | { readonly peer: VerifiedPeer; readonly certificate: string; readonly until: number }
    | undefined
  let tokenExpires: number | undefined
  let store: CacheStatus['store']
  let redis: Redis | undefined
  let opening: Promise<Result<Redis, PeerFailure>> | undefined
  let restUntil = 0
  let down = false

  const introduce = async (): Promise<Result<VerifiedPeer, PeerFailure>> => {
    const connection = await connectUnverified({ tls, host, port })
    if (!connection.ok)
      return failure('unavailable', connection.problem.code, 'gateway', connection.problem.detail)
    const { socket, certificateSha256 } = connection.value
    try {
      const nonce = random.bytes(32)
      const reply = await ask(socket, ['SEALWARD.EVIDENCE', base64UrlOf(nonce)])
      const json =
        reply === undefined
          ? undefined
          : jsonOf(reply, { bytesMax: evidenceAnswerBytesMax, depthMax: 16 })
      if (json?.ok !== true) {
        return failure('refused', 'peer-malformed', 'evidence', 'The gateway gives no evidence.')
      }
      const peer = await verifyAttested(trust, {
        role: 'cache-gateway',
        document: json.value,
        nonce,
        certificateSha256,
      })
      if (!peer.ok) return peer
      const until = Math.min(
        clock.now() + peerVerificationLifetimeSeconds,
        peer.value.evidence.earliestExpiry,
      )
      known = { peer: peer.value, certificate: certificateSha256, until }
      return peer
    } finally {
      socket.destroy()
    }
  }

  const open = async (): Promise<Result<Redis, PeerFailure>> => {
    if (known === undefined || clock.now() >= known.until) {
      const peer = await introduce()
      if (!peer.ok) return peer
    }
    if (known === undefined)
      return failure('unavailable', 'peer-unreachable', 'gateway', 'No gateway.')
    const connection = await connectAttested({
      tls,
      host,
      port,
      pinnedCertificateSha256: known.certificate,
    })
    if (!connection.ok) {
      known = undefined
      return failure('unavailable', connection.problem.code, 'gateway', connection.problem.detail)
    }
    const token = await passport.accessToken(audience, 'cache')
    if (!token.ok) {
      connection.value.socket.destroy()
      return failure('unavailable', token.problem.code, token.problem.at, token.problem.detail)
    }
    tokenExpires = token.value.expiresAt
    const client: Redis = new Redis(redisOptions(connection.value.socket, token.value.token))
    // Its errors reach us through the commands that fail.
    client.on('error', () => {})
    client.once('end', () => {
      if (redis === client) redis = undefined
    })
    try {
      await client.connect()
    } catch {
      client.disconnect()
      return failure('refused', 'cache-refused', 'AUTH', 'The gateway does not let us in.')
    }
    store = storeIn(await client.info().catch(() => ''))
    redis = client
    renewBefore(client, token.value.expiresAt)
    return ok(client)
  }

  /** Shows the connection a new token before the old one runs out. */
  const renewBefore = (client: Redis, expiresAt: number): void => {
    const seconds = Math.max(1, expiresAt - clock.now() - accessTokenReserveSeconds)
    const timer = setTimeout(async () => {
      if (redis !== client) return
      const token = await passport.accessToken(audience, 'cache')
      const renewed =
        token.ok && (await client.auth(token.value.token).catch(() => undefined)) === 'OK'
      if (!token.ok || !renewed) return
      tokenExpires = token.value.expiresAt
      renewBefore(client, token.value.expiresAt)
    }, seconds * 1000)
    timer.unref()
  }

  const connected = async (): Promise<Result<Redis, PeerFailure>> => {
    if (redis !== undefined && known !== undefined && clock.now() < known.until) {
      const client = redis
      const fallen = await standingProblem(trust, known.peer)
      if (fallen === undefined) return ok(client)
      if (fallen.problem.kind === 'refused' && redis === client) {
        known = undefined
        client.disconnect()
        rest(fallen.problem.code)
      }
      return fallen
    }
    if (clock.now() < restUntil) {
      return failure(
        'unavailable',
        'cache-unavailable',
        'gateway',
        'The cache is left alone for a while.',
      )
    }
    opening ??= open()
      .catch((error: unknown) => {
        log.thrown('cache-broken', error)
        return failure('unavailable', 'cache-unavailable', 'gateway', 'The cache cannot be used.')
      })
      .finally(() => {
        opening = undefined
      })
    const opened = await opening
    if (opened.ok) {
      if (down) log.info('cache-back')
      down = false
    } else rest(opened.problem.code)
    return opened
  }

  const rest = (code: string): void => {
    restUntil = clock.now() + cacheRestSeconds
    // Once, not for every request: the database answers meanwhile.
    if (!down) log.warn('cache-unavailable', { code, peer: 'cache-gateway' })
    down = true
  }

  const tried = async <T>(work: (client: Redis) => Promise<T>): Promise<T | undefined> => {
    const client = await within(cachePatienceMs, connected())
    if (client?.ok !== true) return undefined
    try {
      return await work(client.value)
    } catch {
      client.value.disconnect()
      rest('cache-unavailable')
      return undefined
    }
  }

  return {
    async get(name) {
      return (await tried((client) => client.getBuffer(name))) ?? undefined
    },
    async set(name, sealed) {
      if (sealed.length > cacheValueBytesMax) return
      await tried((client) => client.set(name, Buffer.from(sealed), 'EX', cacheLifetimeSeconds))
    },
    async status() {
      const client = await connected()
      if (!client.ok) return client
      if (known === undefined)
        return failure('unavailable', 'peer-unreachable', 'gateway', 'No gateway.')
      return ok({ peer: known.peer, audience, tokenExpires, store })
    },
    async close() {
      redis?.disconnect()
    },
  }
}

/** Has the library speak over a connection that is there already, and over that one only. */
function redisOptions(socket: TLSSocket, token: string) {
  const connector = {
    connect: async () => socket,
    check: () => true,
    disconnect: () => socket.destroy(),
  }
  return {
    // The library asks for a class; a function that returns an object is one to `new`.
    Connector: function connectorOf() {
      return connector
    } as unknown as NonNullable<RedisOptions['Connector']>,
    username: 'platform',
    password: token,
    lazyConnect: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    disableClientInfo: true,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: cachePatienceMs,
    retryStrategy: () => null,
  }
}

/** What the gateway keeps values in, as its INFO says. */
function storeIn(info: string): CacheStatus['store'] {
  const store = /^(?:sealward_)?store:(redis|in-process)\r?$/m.exec(info)?.[1]
  return store === 'redis' || store === 'in-process' ? store : undefined
}

/** Sends one command and reads one bulk string; `undefined` for any other reply. */
function ask(socket: TLSSocket, command: readonly string[]): Promise<Uint8Array | undefined> {
  const line = command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0)
    const done = (reply: Uint8Array | undefined): void => {
      clearTimeout(timer)
      socket.removeListener('data', onData)
      resolve(reply)
    }
    const timer = setTimeout(() => done(undefined), 5000)
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk])
      const end = received.indexOf('\r\n')
      if (end < 0) {
        if (received.length > 64) done(undefined)
        return
      }
      const length = Number(
        /^\$(\d{1,8})$/.exec(received.toString('latin1', 0, end))?.[1] ?? Number.NaN,
      )
      if (!Number.isInteger(length) || length > evidenceAnswerBytesMax) done(undefined)
      else if (received.length >= end + 2 + length + 2)
        done(received.subarray(end + 2, end + 2 + length))
    }
    socket.on('data', onData)
    socket.once('close', () => done(undefined))
    socket.once('error', () => done(undefined))
    socket.write(`*${command.length}\r\n${line}`)
  })
}

/** What `work` gives within `milliseconds`; it goes on by itself otherwise. */
function within<T>(milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => late.resolve(undefined), milliseconds)
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
}
