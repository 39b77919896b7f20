/**
 * When a signing key does what. Pure: replicas that read the same keys come to the same answer.
 *
 * @see docs/spec/attestation-service.md
 * @module
 */

import type { UnixSeconds } from '@sealward/attestation/bytes'

/** How an instance's keys follow each other. Seconds. */
export interface Rotation {
  /** How long a key signs; `undefined`: until somebody rotates it. */
  readonly signsForSeconds: number | undefined
  /** How long a key is published before it signs. No replica that has not read the keys for as long signs. */
  readonly publishedAheadSeconds: number
  /** How long a token lives at most, and so a key is published after its last one. */
  readonly tokenLifetimeSeconds: number
}

/** Instants of a key. They never change: that a key is retired follows from the next one's. */
export interface KeyTimes {
  readonly publishedAt: UnixSeconds
  readonly signsFrom: UnixSeconds
}

/** `next` is published and does not sign; `retired` does not sign any more, and its tokens may still live. */
export type KeyState = 'next' | 'current' | 'retired' | 'gone'

/** The state of each key, in the order given. One of them is current, where any has begun to sign. */
export function statesOf(
  keys: readonly KeyTimes[],
  rotation: Rotation,
  at: UnixSeconds,
): readonly KeyState[] {
  return keys.map((key) => {
    if (key.signsFrom > at) return 'next'
    const successors = keys.filter((other) => comesAfter(other, key) && other.signsFrom <= at)
    if (successors.length === 0) return 'current'
    const retiredAt = Math.min(...successors.map(({ signsFrom }) => signsFrom))
    return at <= retiredAt + publishedAfterSeconds(rotation) ? 'retired' : 'gone'
  })
}

/**
 * When a key that is made now begins to sign; `undefined` while none is needed.
 *
 * @param keys - of the instance, with whether each is of the kind that is wanted now.
 */
export function nextSignsFrom(
  keys: readonly (KeyTimes & { readonly isWanted: boolean })[],
  rotation: Rotation,
  at: UnixSeconds,
): UnixSeconds | undefined {
  const states = statesOf(keys, rotation, at)
  const current = keys[states.indexOf('current')]
  if (states.includes('next')) return undefined
  if (current === undefined) return at
  const soonest = at + rotation.publishedAheadSeconds
  if (!current.isWanted) return soonest
  if (rotation.signsForSeconds === undefined) return undefined
  const due = current.signsFrom + rotation.signsForSeconds
  return due <= soonest ? soonest : undefined
}

/** A replica that could not read its keys may have signed with an old one for as long as it may sign at all. */
function publishedAfterSeconds(rotation: Rotation): number {
  return rotation.publishedAheadSeconds + rotation.tokenLifetimeSeconds
}

function comesAfter(one: KeyTimes, other: KeyTimes): boolean {
  return (
    one.signsFrom > other.signsFrom ||
    (one.signsFrom === other.signsFrom && one.publishedAt > other.publishedAt)
  )
}
