import { Redis } from 'ioredis'
import { type Store, StoreUnavailable } from './store.ts'

/**
 * A Redis server. Keys begin with `sealward:<deployment>:`, so that deployments that share a server cannot meet.
 *
 * @param url - `redis://…` or `rediss://…`.
 * @param patienceMs - in which the server must answer.
 * @throws StoreUnavailable from every method while the server does not answer; it connects again by itself.
 */
export function createRedisStore(options: {
  readonly url: string
  readonly deployment: string
  readonly patienceMs: number
}): Store {
  const redis = new Redis(options.url, {
    commandTimeout: options.patienceMs,
    connectTimeout: options.patienceMs,
    enableAutoPipelining: true,
    // A command that finds no server is refused now: the client can do without a cache, but not without an answer.
    enableOfflineQueue: true,
    maxRetriesPerRequest: 1,
    retryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
  })
  // Every command says for itself that the server is gone.
  redis.on('error', () => {})

  const prefix = Buffer.from(`sealward:${options.deployment}:`)
  const nameOf = (key: Uint8Array): Buffer => Buffer.concat([prefix, key])

  return {
    kind: 'redis',
    get: (key) => answered(redis.getBuffer(nameOf(key)), (value) => value ?? undefined),
    getMany: (keys) =>
      answered(redis.mgetBuffer(...keys.map(nameOf)), (values) =>
        values.map((value) => value ?? undefined),
      ),
    set: (key, value, { lifetimeMs, condition }) =>
      answered(
        redis.call('SET', [
          nameOf(key),
          bufferOf(value),
          ...(lifetimeMs === undefined ? [] : ['PX', lifetimeMs]),
          ...(condition === undefined ? [] : [condition === 'absent' ? 'NX' : 'XX']),
        ]),
        (reply) => reply !== null,
      ),
    remove: (keys) => answered(redis.del(...keys.map(nameOf)), (count) => count),
    count: (keys) => answered(redis.exists(...keys.map(nameOf)), (count) => count),
    expire: (key, lifetimeMs) =>
      answered(redis.pexpire(nameOf(key), lifetimeMs), (count) => count === 1),
    lifetimeOf: (key) =>
      answered(redis.pttl(nameOf(key)), (left) =>
        left === -2 ? 'absent' : left === -1 ? 'unlimited' : left,
      ),
    close: async () => {
      redis.disconnect()
    },
  }
}

async function answered<Reply, T>(reply: Promise<Reply>, read: (reply: Reply) => T): Promise<T> {
  let value: Reply
  try {
    value = await reply
  } catch {
    // What the server said may quote the command; only that it failed is passed on.
    throw new StoreUnavailable()
  }
  return read(value)
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
