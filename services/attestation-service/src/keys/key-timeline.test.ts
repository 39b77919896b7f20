import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type KeyTimes, nextSignsFrom, type Rotation, statesOf } from './key-timeline.ts'

const rotation: Rotation = {
  signsForSeconds: 1000,
  publishedAheadSeconds: 100,
  tokenLifetimeSeconds: 50,
}
const first: KeyTimes = { publishedAt: 0, signsFrom: 0 }
const second: KeyTimes = { publishedAt: 900, signsFrom: 1000 }

test('a key is next, then current, then retired until the last token that it may have signed has expired', () => {
  const stateAt = (at: number) => statesOf([first, second], rotation, at)
  expect(stateAt(0)).toEqual(['current', 'next'])
  expect(stateAt(999)).toEqual(['current', 'next'])
  expect(stateAt(1000)).toEqual(['retired', 'current'])
  // A replica that read its keys at 900 may sign with the first until 1000 + 100, and its token lives 50.
  expect(stateAt(1150)).toEqual(['retired', 'current'])
  expect(stateAt(1151)).toEqual(['gone', 'current'])
})

test('the first key signs at once; a later one is made in time, and not before another is about to sign', () => {
  const due = (keys: readonly KeyTimes[], at: number) =>
    nextSignsFrom(
      keys.map((key) => ({ ...key, isWanted: true })),
      rotation,
      at,
    )
  expect(due([], 7)).toBe(7)
  expect(due([first], 899)).toBeUndefined()
  expect(due([first], 900)).toBe(1000)
  expect(due([first, second], 950)).toBeUndefined()
  expect(due([first, second], 1000)).toBeUndefined()
  // A service that was stopped past a key's time publishes the next before it signs all the same.
  expect(due([first], 5000)).toBe(5100)
})

test('without a rotation by age a key signs until another kind is wanted', () => {
  const byHand = { ...rotation, signsForSeconds: undefined }
  expect(nextSignsFrom([{ ...first, isWanted: true }], byHand, 1e9)).toBeUndefined()
  expect(nextSignsFrom([{ ...first, isWanted: false }], byHand, 500)).toBe(600)
})

test('at every instant after the first key exactly one is current, and what it signs is published', () => {
  const keys = fc.array(fc.nat(5000), { minLength: 1, maxLength: 8 }).map((starts) =>
    [...new Set(starts)].map((start, index) => ({
      publishedAt: start,
      signsFrom: index === 0 ? 0 : start + rotation.publishedAheadSeconds,
    })),
  )
  fc.assert(
    fc.property(keys, fc.nat(6000), fc.nat(150), (all, at, later) => {
      const states = statesOf(all, rotation, at)
      expect(states.filter((state) => state === 'current')).toHaveLength(1)
      // Until a token of now has expired, its key is there.
      if (later > rotation.tokenLifetimeSeconds) return
      expect(statesOf(all, rotation, at + later)[states.indexOf('current')]).not.toBe('gone')
    }),
  )
})
