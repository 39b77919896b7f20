import {
  ChannelError,
  type ChannelRequest,
  type ChannelResponse,
  isKeyShared,
  openChannel,
  type SealedChannel,
  type TransferOptions,
  type Transport,
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
   * Sends a request sealed to the verified platform, and verifies first where that is due.
   * Rejects with {@link ChannelError}, or with {@link NotVerified} where there is nobody to send it to.
   */
  fetch(request: ChannelRequest, options?: TransferOptions): Promise<ChannelResponse>
  close(): void
}

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
  transport: Transport,
  after: After,
): Connection {
  const state = createStore<ConnectionState>({ kind: 'verifying', step: 'evidence' })
  let channel: SealedChannel | undefined
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
    if (!inBackground) channel = undefined
    const answer = await verifyPlatform(configuration, effects, (step) => {
      if (!inBackground) state.set({ kind: 'verifying', step })
    })
    if (answer.ok) {
      channel = openChannel(answer.value, transport, { random: { bytes: effects.random } })
      state.set({ kind: 'verified', peer: answer.value })
      renewIn(secondsLeft(answer.value) - renewalLeadSeconds)
    } else if (answer.problem.kind === 'unavailable' && isCurrent()) {
      renewIn(renewalRetrySeconds)
    } else {
      channel = undefined
      state.set(answer.problem)
    }
  }

  const secondsLeft = (peer: VerifiedPeer): number =>
    Math.min(peer.token.expiresAt, peer.evidence.earliestExpiry) - effects.now()

  const isCurrent = (): boolean => channel !== undefined && secondsLeft(channel.peer) > 0

  const renewIn = (seconds: number): void => {
    cancelTimer = after(Math.max(seconds, renewalRetrySeconds) * 1000, () => void verifyOnce(true))
  }

  void verifyOnce(false)
  return {
    state,
    verify: () => verifyOnce(false),
    async fetch(request, options) {
      if (running !== undefined && !isCurrent()) await running
      if (!isCurrent() && state.get().kind === 'verified') await verifyOnce(true)
      if (channel === undefined) throw new NotVerified()
      const before = channel.peer
      let stale: ChannelError
      try {
        return await channel.fetch(request, options)
      } catch (error) {
        if (!(error instanceof ChannelError) || error.problem.code !== 'stale-key') throw error
        stale = error
      }
      // The platform has changed its key, so it could not open the request: verify again, send again.
      await verifyOnce(true)
      if (channel === undefined) throw new NotVerified()
      // Its evidence says whether that is so. If not, the request may have been done already.
      if (isKeyShared(before, channel.peer)) throw stale
      return await channel.fetch(request, options)
    },
    close: () => cancelTimer(),
  }
}
