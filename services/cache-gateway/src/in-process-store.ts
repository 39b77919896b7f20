import { LRUCache } from 'lru-cache'
import type { Store } from './store.ts'

/**
 * A store in the gateway's own memory, for machines without a Redis server.
 *
 * @param bytesMax - of all keys and values; the least recently used ones make room.
 * @param now - milliseconds of a clock that never goes back.
 */
export function createInProcessStore(options: {
  readonly bytesMax: number
  readonly now?: () => number
}): Store {
  const cache = new LRUCache<string, Uint8Array>({
    maxSize: options.bytesMax,
    sizeCalculation: (value, key) => value.length + key.length + entryBytes,
    ttlResolution: 0,
    ...(options.now === undefined ? {} : { perf: { now: options.now } }),
  })
  return {
    kind: 'in-process',
    async get(key) {
      return cache.get(nameOf(key))
    },
    async getMany(keys) {
      return keys.map((key) => cache.get(nameOf(key)))
    },
    async set(key, value, { lifetimeMs, condition }) {
      const name = nameOf(key)
      if (condition !== undefined && cache.has(name) !== (condition === 'present')) return false
      // A lifetime of 0 means none here; a key that was given one before must lose it.
      cache.set(name, value.slice(), { ttl: lifetimeMs ?? 0 })
      return true
    },
    async remove(keys) {
      return keys.filter((key) => {
        const name = nameOf(key)
        const was = cache.has(name)
        cache.delete(name)
        return was
      }).length
    },
    async count(keys) {
      return keys.filter((key) => cache.has(nameOf(key))).length
    },
    async expire(key, lifetimeMs) {
      const name = nameOf(key)
      const value = cache.peek(name)
      if (value === undefined) return false
      cache.set(name, value, { ttl: lifetimeMs })
      return true
    },
    async lifetimeOf(key) {
      const name = nameOf(key)
      if (!cache.has(name)) return 'absent'
      const left = cache.getRemainingTTL(name)
      return Number.isFinite(left) ? Math.max(1, Math.round(left)) : 'unlimited'
    },
    async close() {
      cache.clear()
    },
  }
}

/** What an entry costs beside its key and value: an estimate, so that many small ones are limited too. */
const entryBytes = 128

/** One character a byte: two keys are the same text exactly if they are the same bytes. */
function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}
