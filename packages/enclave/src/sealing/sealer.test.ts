import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemRandom } from '../effects/index.ts'
import type { MasterKey } from './master-key.ts'
import { createSealer, type SealedAddress } from './sealer.ts'

const masterKey = systemRandom.bytes(32) as MasterKey
const sealer = createSealer(masterKey)
const secret = new TextEncoder().encode('a name, a film, a finding')
const address: SealedAddress = { type: 'Patient', id: 'a', version: 3 }

test('what was sealed opens at its address, also by another sealer of the same key', () => {
  const sealed = sealer.seal(address, secret)
  expect(createSealer(masterKey).open(address, sealed)).toEqual({ ok: true, value: secret })
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

test('parts of an address cannot change places', () => {
  const sealed = sealer.seal({ type: 'a', id: 'b","c', version: 1 }, secret)
  expect(sealer.open({ type: 'c', id: 'b', version: 1 }, sealed)).toMatchObject({ ok: false })
  expect(sealer.open({ type: 'b","c', id: 'a', version: 1 }, sealed)).toMatchObject({ ok: false })
})

test("one patient's row does not open with another patient's data key, nor without one", () => {
  const a = { patient: 'a', wrapped: sealer.newDataKey('a') }
  const b = { patient: 'b', wrapped: sealer.newDataKey('b') }
  const sealed = sealer.seal(address, secret, a)
  expect(sealer.open(address, sealed, a)).toEqual({ ok: true, value: secret })
  expect(sealer.open(address, sealed, b)).toMatchObject({ problem: { code: 'sealed-mismatch' } })
  expect(sealer.open(address, sealed)).toMatchObject({ problem: { code: 'sealed-mismatch' } })
})

test("a wrapped data key that is passed off as another patient's is refused", () => {
  const a = { patient: 'a', wrapped: sealer.newDataKey('a') }
  const sealed = sealer.seal(address, secret, a)
  const passedOff = { patient: 'b', wrapped: a.wrapped }
  expect(sealer.open(address, sealed, passedOff)).toMatchObject({
    problem: { code: 'data-key-mismatch' },
  })
  expect(() => sealer.seal(address, secret, passedOff)).toThrow('data-key-mismatch')
})

test('a new data key does not open what a destroyed one sealed', () => {
  const first = { patient: 'a', wrapped: sealer.newDataKey('a') }
  const sealed = sealer.seal(address, secret, first)
  const second = { patient: 'a', wrapped: sealer.newDataKey('a') }
  expect(sealer.open(address, sealed, second)).toMatchObject({ ok: false })
})

test('another master key opens nothing, and says so by its id', () => {
  const other = createSealer(systemRandom.bytes(32) as MasterKey)
  expect(other.open(address, sealer.seal(address, secret))).toMatchObject({
    problem: { code: 'sealed-mismatch' },
  })
  expect(other.keyId).not.toBe(sealer.keyId)
  expect(createSealer(masterKey).keyId).toBe(sealer.keyId)
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

test('a blind index finds equal values under one name, and nothing under another', () => {
  expect(sealer.blindIndex('family', 'Café')).toBe(sealer.blindIndex('family', 'Cafe\u0301'))
  expect(sealer.blindIndex('family', 'A')).not.toBe(sealer.blindIndex('family', 'B'))
  expect(sealer.blindIndex('family', 'A')).not.toBe(sealer.blindIndex('given', 'A'))
  const other = createSealer(systemRandom.bytes(32) as MasterKey)
  expect(other.blindIndex('family', 'A')).not.toBe(sealer.blindIndex('family', 'A'))
})
