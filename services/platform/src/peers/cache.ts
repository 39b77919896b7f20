import { ok, type Result } from '@sealward/attestation/bytes'
import {
  type AttestedSession,
  type AttestedTls,
  attestedRedisConnector,
  ConnectFailure,
} from '@sealward/enclave/attested-tls'
import type { Passport, TlsIdentity } from '@sealward/enclave/identity'
import { failure, failureOf, type PeerFailure } from '@sealward/enclave/peers'
import type { Logger } from '@sealward/enclave/telemetry'
import { Redis, type RedisOptions } from 'ioredis'
import {
  accessTokenReserveSeconds,
  cacheLifetimeSeconds,
  cachePatienceMs,
  cacheRestSeconds,
  cacheValueBytesMax,
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
  readonly attested: AttestedTls
  readonly passport: Pick<Passport, 'accessToken'>
  readonly log: Logger
}): Cache {
  const { attested, host, log, passport, port } = options
  const { clock, initTimeData } = attested.trust
  const audience = `${initTimeData.deployment}:cache-gateway`
  let known: AttestedSession | undefined
  let tokenExpires: number | undefined
  let store: CacheStatus['store']
  let redis: Redis | undefined
  let opening: Promise<Result<Redis, PeerFailure>> | undefined
  let restUntil = 0
  let down = false

  const open = async (): Promise<Result<Redis, PeerFailure>> => {
    const own = attested.identity.tls
    const token = await passport.accessToken(audience, 'cache', own)
    if (!token.ok) return failureOf('unavailable', token.problem)
    const client: Redis = new Redis({
      ...redisOptions,
      password: token.value.token,
      Connector: attestedRedisConnector<NonNullable<RedisOptions['Connector']>>(attested, {
        host,
        port,
        role: 'cache-gateway',
        own,
        onConnected: (connection) => {
          known = connection
        },
      }),
    })
    // Its errors reach us through the commands that fail.
    client.on('error', () => {})
    client.once('end', () => {
      if (redis === client) redis = undefined
    })
    try {
      await client.connect()
    } catch (error) {
      client.disconnect()
      return error instanceof ConnectFailure
        ? { ok: false, problem: error.problem }
        : failure('refused', 'cache-refused', 'AUTH', 'The gateway does not let us in.')
    }
    tokenExpires = token.value.expiresAt
    store = storeIn(await client.info().catch(() => ''))
    redis = client
    renewBefore(client, own, token.value.expiresAt)
    return ok(client)
  }

  /** Shows the connection a new token before the old one runs out. */
  const renewBefore = (client: Redis, own: TlsIdentity, expiresAt: number): void => {
    const seconds = Math.max(1, expiresAt - clock.now() - accessTokenReserveSeconds)
    const timer = setTimeout(async () => {
      if (redis !== client) return
      const token = await passport.accessToken(audience, 'cache', own)
      const renewed =
        token.ok && (await client.auth(token.value.token).catch(() => undefined)) === 'OK'
      if (!token.ok || !renewed) return
      tokenExpires = token.value.expiresAt
      renewBefore(client, own, token.value.expiresAt)
    }, seconds * 1000)
    timer.unref()
  }

  const connected = async (): Promise<Result<Redis, PeerFailure>> => {
    if (redis !== undefined && known !== undefined) {
      const client = redis
      const stands = await attested.peers.standing(known)
      if (stands.ok) return ok(client)
      const isOver = stands.problem.code === 'verification-ended'
      if (redis === client && (isOver || stands.problem.kind === 'refused')) client.disconnect()
      if (!isOver) {
        if (stands.problem.kind === 'refused') rest(stands.problem.code)
        return stands
      }
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

/** Over one connection: another is opened here, with another token. */
const redisOptions = {
  username: 'platform',
  lazyConnect: true,
  enableReadyCheck: false,
  enableOfflineQueue: false,
  disableClientInfo: true,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: cachePatienceMs,
  retryStrategy: () => null,
} satisfies RedisOptions

/** What the gateway keeps values in, as its INFO says. */
function storeIn(info: string): CacheStatus['store'] {
  const store = /^(?:sealward_)?store:(redis|in-process)\r?$/m.exec(info)?.[1]
  return store === 'redis' || store === 'in-process' ? store : undefined
}

/** What `work` gives within `milliseconds`; it goes on by itself otherwise. */
function within<T>(milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => late.resolve(undefined), milliseconds)
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
}
