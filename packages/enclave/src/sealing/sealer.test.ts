import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemRandom } from '../effects/index.ts'
import type { MasterKey } from './master-key.ts'
import { masterKeyIdOf, masterKeysOf } from './master-keys.ts'
import { createSealer, type DataKey, type SealedAddress, type Sealer } from './sealer.ts'

const newKey = (): MasterKey => systemRandom.bytes(32) as MasterKey
const masterKey = newKey()
const sealer = createSealer(masterKey, { tenant: 'hospital' })
const secret = new TextEncoder().encode('a name, a film, a finding')
const address: SealedAddress = { type: 'Patient', id: 'a', version: 3 }
const keyOf = (patient: string | null, by: Sealer = sealer): DataKey => ({
  patient,
  wrapped: by.newDataKey(patient),
})

test('what was sealed opens at its address, also by another sealer of the same key', () => {
  const sealed = sealer.seal(address, secret)
  const other = createSealer(masterKey, { tenant: 'hospital' })
  expect(other.open(address, sealed)).toEqual({ ok: true, value: secret })
})

test('a row that was moved, swapped or rolled back is refused', () => {
  const older = sealer.seal({ ...address, version: 2 }, secret)
  const other = sealer.seal({ ...address, id: 'b' }, secret)
  const kind = sealer.seal({ ...address, type: 'film' }, secret)
  for (const sealed of [older, other, kind]) {
    expect(sealer.open(address, sealed)).toMatchObject({
      ok: false,
      problem: { code: 'sealed-mismatch' },
    })
  }
})

test('what is of one tenant opens for no other: rows, data keys and streams', async () => {
  const key = keyOf('a')
  const other = sealer.forTenant('another')
  expect(other.open(address, sealer.seal(address, secret))).toMatchObject({
    problem: { code: 'sealed-mismatch' },
  })
  expect(other.open(address, sealer.seal(address, secret, key), key)).toMatchObject({
    problem: { code: 'data-key-mismatch' },
  })
  // Not even where both have a data key for a patient of the same id, and the row is given with its key.
  const theirs = keyOf('a', other)
  expect(other.open(address, sealer.seal(address, secret, key), theirs)).toMatchObject({
    problem: { code: 'sealed-mismatch' },
  })
  expect(sealer.forTenant('hospital').open(address, sealer.seal(address, secret)).ok).toBe(true)
})

test('parts of an address cannot change places', () => {
  const sealed = sealer.seal({ type: 'a', id: 'b","c', version: 1 }, secret)
  expect(sealer.open({ type: 'c', id: 'b', version: 1 }, sealed)).toMatchObject({ ok: false })
  expect(sealer.open({ type: 'b","c', id: 'a', version: 1 }, sealed)).toMatchObject({ ok: false })
})

test("one patient's row does not open with another patient's data key, nor without one", () => {
  const [a, b, own] = [keyOf('a'), keyOf('b'), keyOf(null)]
  const sealed = sealer.seal(address, secret, a)
  expect(sealer.open(address, sealed, a)).toEqual({ ok: true, value: secret })
  for (const wrong of [b, own, undefined]) {
    expect(sealer.open(address, sealed, wrong)).toMatchObject({
      problem: { code: 'sealed-mismatch' },
    })
  }
})

test("a wrapped data key that is passed off as another patient's is refused", () => {
  const a = keyOf('a')
  const sealed = sealer.seal(address, secret, a)
  for (const patient of ['b', null]) {
    const passedOff = { patient, wrapped: a.wrapped }
    expect(sealer.open(address, sealed, passedOff)).toMatchObject({
      problem: { code: 'data-key-mismatch' },
    })
    expect(() => sealer.seal(address, secret, passedOff)).toThrow('data-key-mismatch')
  }
})

test('sealed bytes in the place of a wrapped data key are refused', () => {
  const bytes = sealer.seal({ type: 'x', id: 'a', version: 0 }, new Uint8Array(32))
  expect(
    sealer.open(address, sealer.seal(address, secret, keyOf('a')), {
      patient: 'a',
      wrapped: bytes,
    }),
  ).toMatchObject({ problem: { code: 'data-key-mismatch' } })
})

test('a new data key does not open what a destroyed one sealed', () => {
  const sealed = sealer.seal(address, secret, keyOf('a'))
  expect(sealer.open(address, sealed, keyOf('a'))).toMatchObject({ ok: false })
})

test('another master key opens nothing, and says so by its id', () => {
  const other = createSealer(newKey(), { tenant: 'hospital' })
  const key = keyOf('a')
  for (const opened of [
    other.open(address, sealer.seal(address, secret)),
    other.open(address, sealer.seal(address, secret, key), key),
    other.rewrap(key),
  ]) {
    expect(opened).toMatchObject({ problem: { code: 'sealed-key-unknown' } })
  }
  expect(other.keyId).not.toBe(sealer.keyId)
  expect(createSealer(masterKey).keyId).toBe(sealer.keyId)
})

test('under a new current key what is old still opens, and its data keys are wrapped anew', () => {
  const next = newKey()
  const rolled = createSealer(masterKeysOf(next, masterKey), { tenant: 'hospital' })
  const key = keyOf('a')
  const [row, own] = [sealer.seal(address, secret, key), sealer.seal(address, secret)]
  expect(rolled.open(address, row, key)).toEqual({ ok: true, value: secret })
  expect(rolled.open(address, own)).toEqual({ ok: true, value: secret })
  const rewrapped = rolled.rewrap(key)
  if (!rewrapped.ok) throw new Error(rewrapped.problem.code)
  expect(rolled.wrappedUnder(key.wrapped)).toBe(masterKeyIdOf(masterKey))
  expect(rolled.wrappedUnder(rewrapped.value)).toBe(masterKeyIdOf(next))
  // The row was not touched, and needs the old master key no more.
  const later = createSealer(next, { tenant: 'hospital' })
  expect(later.open(address, row, { ...key, wrapped: rewrapped.value })).toEqual({
    ok: true,
    value: secret,
  })
  expect(later.open(address, row, key)).toMatchObject({ problem: { code: 'sealed-key-unknown' } })
})

test('what is derived from a data key outlives its master key, and is of one purpose', () => {
  const next = newKey()
  const rolled = createSealer(masterKeysOf(next, masterKey), { tenant: 'hospital' })
  const key = keyOf(null)
  const rewrapped = rolled.rewrap(key)
  if (!rewrapped.ok) throw new Error(rewrapped.problem.code)
  expect(rolled.derived({ ...key, wrapped: rewrapped.value }, 'locks')).toEqual(
    sealer.derived(key, 'locks'),
  )
  expect(sealer.derived(key, 'names')).not.toEqual(sealer.derived(key, 'locks'))
})

test('no single bit may differ', () => {
  const sealed = sealer.seal(address, secret)
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const altered = sealed.slice()
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(sealer.open(address, altered).ok).toBe(false)
  }
})

test('no proper prefix opens', () => {
  const sealed = sealer.seal(address, secret)
  for (let length = 0; length < sealed.length; length++) {
    expect(sealer.open(address, sealed.subarray(0, length)).ok).toBe(false)
  }
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(sealer.open(address, bytes).ok).toBe(false)
    }),
  )
})

test('the same plaintext is sealed differently each time, and is not seen in what is sealed', () => {
  const one = sealer.seal(address, secret)
  expect(Buffer.from(one).includes(Buffer.from('finding'))).toBe(false)
  expect(sealer.seal(address, secret)).not.toEqual(one)
})

test('any change to any part of what is given is refused', () => {
  const parts = fc.record({
    tenant: fc.string({ maxLength: 20 }),
    type: fc.string({ maxLength: 20 }),
    id: fc.string({ maxLength: 20 }),
    version: fc.nat(),
    patient: fc.option(fc.string({ maxLength: 20 })),
  })
  fc.assert(
    fc.property(parts, parts, fc.uint8Array({ maxLength: 100 }), (one, other, plaintext) => {
      const mine = sealer.forTenant(one.tenant)
      const key = keyOf(one.patient, mine)
      const { type, id, version } = one
      const sealed = mine.seal({ type, id, version }, plaintext, key)
      expect(mine.open({ type, id, version }, sealed, key)).toEqual({ ok: true, value: plaintext })
      for (const name of ['tenant', 'type', 'id', 'version', 'patient'] as const) {
        if (other[name] === one[name]) continue
        const changed = { ...one, [name]: other[name] }
        const opened = sealer
          .forTenant(changed.tenant)
          .open({ type: changed.type, id: changed.id, version: changed.version }, sealed, {
            patient: changed.patient,
            wrapped: key.wrapped,
          })
        expect(opened.ok).toBe(false)
      }
    }),
  )
})

test('a blind index finds equal values under one name of one tenant, and nothing under another', () => {
  const index = (by: Sealer, name: string, value: string): string | undefined =>
    by.blindIndexes(name, value)[0]?.value
  expect(index(sealer, 'family', 'Café')).toBe(index(sealer, 'family', 'Cafe\u0301'))
  const others = [
    index(sealer, 'family', 'B'),
    index(sealer, 'given', 'A'),
    index(sealer.forTenant('another'), 'family', 'A'),
    index(createSealer(newKey(), { tenant: 'hospital' }), 'family', 'A'),
  ]
  expect(others).not.toContain(index(sealer, 'family', 'A'))
  expect(new Set(others).size).toBe(4)
})

test('while keys roll a value is looked up under each of them, the current one first', () => {
  const next = newKey()
  const rolled = createSealer(masterKeysOf(next, masterKey), { tenant: 'hospital' })
  expect(rolled.blindIndexes('family', 'A')).toEqual([
    ...createSealer(next, { tenant: 'hospital' }).blindIndexes('family', 'A'),
    ...sealer.blindIndexes('family', 'A'),
  ])
})
