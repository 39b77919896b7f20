import type { Problem, UnixSeconds } from '@sealward/attestation/bytes'
import type { Configuration } from '../app/configuration.ts'
import type { Effects } from '../app/effects.ts'
import { createStore, type Store } from '../app/store.ts'
import type { TabStorage } from './pending.ts'
import {
  beginSignIn,
  completeSignIn,
  isSignInAnswer,
  type SignInCode,
  signOutAddress,
  type Tokens,
} from './sign-in.ts'

export type SessionState =
  | { readonly kind: 'signed-out'; readonly problem?: Problem<SignInCode> }
  | { readonly kind: 'expired' }
  | { readonly kind: 'leaving' }
  | { readonly kind: 'completing' }
  | { readonly kind: 'signed-in'; readonly tokens: Tokens }

/** The page's address and the tab's storage, as far as signing in needs them. */
export interface Tab {
  readonly storage: TabStorage
  address(): URL
  /** Takes the provider's answer out of the address and the history. */
  showInstead(address: URL): void
  leaveFor(address: URL): void
  /** Calls back once, after so many milliseconds; returns how to prevent it. */
  after(milliseconds: number, call: () => void): () => void
}

/** Who is signed in. Tokens are in memory only: a reload or a closed tab forgets them. */
export interface Session {
  readonly state: Store<SessionState>
  signIn(): Promise<void>
  signOut(): Promise<void>
  /** Says that the platform no longer accepts the access token. */
  expire(): void
}

/** Opens the session of a page, and completes a sign-in if the page's address carries an answer. */
export function openSession(configuration: Configuration, effects: Effects, tab: Tab): Session {
  const { identity } = configuration
  const state = createStore<SessionState>({ kind: 'signed-out' })
  const redirectUri = new URL('/', tab.address()).href
  let cancelExpiry = (): void => {}

  const begin = (tokens: Tokens): void => {
    cancelExpiry()
    cancelExpiry = tab.after(millisecondsUntil(tokens.expiresAt, effects), () =>
      state.set({ kind: 'expired' }),
    )
    state.set({ kind: 'signed-in', tokens })
  }

  const complete = async (address: URL): Promise<void> => {
    state.set({ kind: 'completing' })
    const answer = await completeSignIn(identity, effects, tab.storage, { address, redirectUri })
    const clean = new URL(redirectUri)
    clean.hash = answer.ok ? answer.value.returnTo : ''
    tab.showInstead(clean)
    if (answer.ok) begin(answer.value.tokens)
    else state.set({ kind: 'signed-out', problem: answer.problem })
  }

  if (isSignInAnswer(tab.address())) void complete(tab.address())
  return {
    state,
    async signIn() {
      state.set({ kind: 'leaving' })
      const returnTo = tab.address().hash
      const address = await beginSignIn(identity, effects, tab.storage, { redirectUri, returnTo })
      if (address.ok) tab.leaveFor(address.value)
      else state.set({ kind: 'signed-out', problem: address.problem })
    },
    async signOut() {
      const now = state.get()
      cancelExpiry()
      state.set({ kind: 'leaving' })
      const idToken = now.kind === 'signed-in' ? now.tokens.idToken : undefined
      const address = await signOutAddress(identity, effects, { idToken, redirectUri })
      state.set({ kind: 'signed-out' })
      tab.showInstead(new URL(redirectUri))
      if (address !== undefined) tab.leaveFor(address)
    },
    expire() {
      if (state.get().kind !== 'signed-in') return
      cancelExpiry()
      state.set({ kind: 'expired' })
    },
  }
}

function millisecondsUntil(instant: UnixSeconds, effects: Effects): number {
  return Math.max(0, instant - effects.now()) * 1000
}

/** The tab that this code runs in. */
export function browserTab(): Tab {
  return {
    storage: sessionStorage,
    address: () => new URL(location.href),
    showInstead: (address) => {
      history.replaceState(null, '', address)
      // Routes follow `hashchange`, which `replaceState` does not send.
      dispatchEvent(new HashChangeEvent('hashchange'))
    },
    leaveFor: (address) => location.assign(address),
    after: (milliseconds, call) => {
      // A browser fires timers beyond 2^31 ms at once.
      const timer = setTimeout(call, Math.min(milliseconds, 2 ** 31 - 1))
      return () => clearTimeout(timer)
    },
  }
}
