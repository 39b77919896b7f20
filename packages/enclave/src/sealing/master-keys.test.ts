import { expect, test } from 'vitest'
import { systemRandom } from '../effects/index.ts'
import type { MasterKey } from './master-key.ts'
import { loadMasterKeys, masterKeyIdOf, masterKeysOf } from './master-keys.ts'

const newKey = (): MasterKey => systemRandom.bytes(32) as MasterKey

test('a ring finds each of its keys by the id, and counts one that is given twice once', () => {
  const [one, two] = [newKey(), newKey()]
  const ring = masterKeysOf(one, two, one)
  expect(ring.current.keyId).toBe(masterKeyIdOf(one))
  expect(ring.byId(masterKeyIdOf(two))?.key).toEqual(two)
  expect(ring.byId(masterKeyIdOf(newKey()))).toBe(undefined)
  expect(ring.all()).toHaveLength(2)
})

test('a key of another length is refused', () => {
  expect(() => masterKeysOf(systemRandom.bytes(16) as MasterKey)).toThrow('32 bytes')
})

test('renewed keys follow where they come from, and those that were here stay', async () => {
  const [one, two] = [newKey(), newKey()]
  let held = { current: one, others: [] as readonly MasterKey[] }
  let asked = 0
  const ring = await loadMasterKeys(async () => {
    asked += 1
    return held
  })
  held = { current: two, others: [] }
  expect(ring.current.keyId).toBe(masterKeyIdOf(one))
  await Promise.all([ring.renew?.(), ring.renew?.(), ring.renew?.()])
  expect(asked).toBe(2)
  expect(ring.current.keyId).toBe(masterKeyIdOf(two))
  expect(ring.byId(masterKeyIdOf(one))?.key).toEqual(one)
})

test('where keys cannot be had again, those that were here stay', async () => {
  const one = newKey()
  let away = false
  const ring = await loadMasterKeys(async () => {
    if (away) throw new Error('away')
    return { current: one, others: [] }
  })
  away = true
  await expect(ring.renew?.()).rejects.toThrow('away')
  expect(ring.current.keyId).toBe(masterKeyIdOf(one))
})

test('a key that is let go of makes room for others; the current one stays', async () => {
  const keys = Array.from({ length: 64 }, newKey)
  const forgotten: string[] = []
  let held = { current: keys[0] as MasterKey, others: keys.slice(1) }
  const ring = await loadMasterKeys(
    async () => held,
    (keyId) => {
      forgotten.push(keyId)
      held = { ...held, others: held.others.filter((key) => masterKeyIdOf(key) !== keyId) }
    },
  )
  const before = ring.current.keyId
  held = { current: newKey(), others: keys }
  await expect(ring.renew?.()).rejects.toThrow('a ring is small')
  const last = masterKeyIdOf(keys[63] as MasterKey)
  for (const keyId of [before, 'f'.repeat(32), last, last]) ring.forget?.(keyId)
  expect(forgotten).toEqual([last])
  await ring.renew?.()
  expect(ring.current.keyId).toBe(masterKeyIdOf(held.current))
  expect(ring.all()).toHaveLength(64)
  expect(ring.byId(last)).toBe(undefined)
})
