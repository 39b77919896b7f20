import { ok, refuse } from '@sealward/attestation/bytes'
import {
  createSealedFetch,
  NotVerifiedError,
  type SealedFetch,
  type SealedRequestInit,
  type SealedTransport,
  type VerifiedPeer,
} from '@sealward/attestation/channel'
import type { Configuration } from '../app/configuration.ts'
import type { Effects } from '../app/effects.ts'
import { createStore, type Store } from '../app/store.ts'
import { renewalLeadSeconds, renewalRetrySeconds } from '../limits.ts'
import {
  type Refused,
  type Unavailable,
  type VerificationStep,
  verifyPlatform,
} from './verify-platform.ts'

export type ConnectionState =
  | { readonly kind: 'verifying'; readonly step: VerificationStep }
  | { readonly kind: 'verified'; readonly peer: VerifiedPeer }
  | Refused
  | Unavailable

/** The way to the platform. It exists in the state `verified` and in no other. */
export interface Connection {
  readonly state: Store<ConnectionState>
  /** Verifies from the beginning, and forgets what was verified before. */
  verify(): Promise<void>
  /**
   * `fetch` of a path, sealed to the verified platform; verifies first where that is due, and again when the platform has
   * changed its keys. Rejects with `ChannelError`, or with {@link NotVerified} where there is nobody to send it to.
   */
  fetch(path: string, init?: SealedRequestInit): Promise<Response>
  close(): void
}

/** What paths are of: the platform is named by its evidence, not by a host. */
const insideOrigin = 'https://platform.invalid'

/** Nothing was sent, since there is no verified platform. */
export class NotVerified extends Error {}

/** Calls back once, after so many milliseconds; returns how to prevent it. */
export type After = (milliseconds: number, call: () => void) => () => void

/**
 * Opens the connection and starts the first verification. A verification is renewed before anything
 * that it rests on expires; where that fails for want of an answer it holds until then, and no longer.
 */
export function openConnection(
  configuration: Configuration,
  effects: Effects,
  transport: SealedTransport,
  after: After,
): Connection {
  const state = createStore<ConnectionState>({ kind: 'verifying', step: 'evidence' })
  let sealed: { readonly peer: VerifiedPeer; readonly fetch: SealedFetch } | undefined
  let running: Promise<void> | undefined
  let cancelTimer = (): void => {}

  /** One verification at a time: whoever asks meanwhile waits for the same. */
  const verifyOnce = (inBackground: boolean): Promise<void> => {
    running ??= verifyNow(inBackground).finally(() => {
      running = undefined
    })
    return running
  }

  const verifyNow = async (inBackground: boolean): Promise<void> => {
    cancelTimer()
    if (!inBackground) sealed = undefined
    const answer = await verifyPlatform(configuration, effects, (step) => {
      if (!inBackground) state.set({ kind: 'verifying', step })
    })
    if (answer.ok) {
      sealed = { peer: answer.value, fetch: sealedTo(answer.value) }
      state.set({ kind: 'verified', peer: answer.value })
      renewIn(secondsLeft(answer.value) - renewalLeadSeconds)
    } else if (answer.problem.kind === 'unavailable' && isCurrent()) {
      renewIn(renewalRetrySeconds)
    } else {
      sealed = undefined
      state.set(answer.problem)
      // Somebody who was away may be back, and a page that was left open goes on then.
      if (answer.problem.kind === 'unavailable') renewIn(renewalRetrySeconds)
    }
  }

  const secondsLeft = (peer: VerifiedPeer): number =>
    Math.min(peer.token.expiresAt, peer.evidence.earliestExpiry) - effects.now()

  const isCurrent = (): boolean => sealed !== undefined && secondsLeft(sealed.peer) > 0

  /** It begins with who was verified just now, and asks again when it has to know better. */
  const sealedTo = (peer: VerifiedPeer): SealedFetch => {
    let isGiven = false
    return createSealedFetch({
      origin: insideOrigin,
      transport,
      random: { bytes: effects.random },
      now: effects.now,
      async verify() {
        if (!isGiven) {
          isGiven = true
          return ok(peer)
        }
        await verifyOnce(true)
        return sealed === undefined
          ? refuse('not-verified', 'platform', 'nothing was sent')
          : ok(sealed.peer)
      },
    })
  }

  const renewIn = (seconds: number): void => {
    cancelTimer = after(Math.max(seconds, renewalRetrySeconds) * 1000, () => void verifyOnce(true))
  }

  void verifyOnce(false)
  return {
    state,
    verify: () => verifyOnce(false),
    async fetch(path, init) {
      if (running !== undefined && !isCurrent()) await running
      if (!isCurrent() && state.get().kind === 'verified') await verifyOnce(true)
      if (sealed === undefined) throw new NotVerified()
      try {
        return await sealed.fetch(path, init)
      } catch (error) {
        throw error instanceof NotVerifiedError ? new NotVerified() : error
      }
    },
    close: () => cancelTimer(),
  }
}
