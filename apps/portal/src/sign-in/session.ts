import type { Problem, UnixSeconds } from '@sealward/attestation/bytes'
import type { Configuration } from '../app/configuration.ts'
import type { Effects } from '../app/effects.ts'
import { createStore, type Store } from '../app/store.ts'
import { expiredPageMs } from '../limits.ts'
import { memoryStorage, type TabStorage } from './pending.ts'
import {
  beginSignIn,
  completeSignIn,
  isAnswerInWindow,
  isSignInAnswer,
  type SignInCode,
  signOutAddress,
  subjectOf,
  type Tokens,
} from './sign-in.ts'

export type SessionState =
  | { readonly kind: 'signed-out'; readonly problem?: Problem<SignInCode> }
  /** The page keeps what it has, unseen, for whoever was signed in. */
  | { readonly kind: 'expired'; readonly busy: boolean; readonly problem?: Problem<SignInCode> }
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
  /** Opens an empty window; `undefined` where the browser does not let us. Answers come by `answers`. */
  openWindow(): SignInWindow | undefined
  /** Calls back with each answer of an identity provider that another window of ours got; returns how to stop it. */
  answers(call: (address: URL) => void): () => void
  /** Calls back once, after so many milliseconds; returns how to prevent it. */
  after(milliseconds: number, call: () => void): () => void
}

export interface SignInWindow {
  show(address: URL): void
  close(): void
}

/** Who is signed in. Tokens are in memory only: a reload or a closed tab forgets them. */
export interface Session {
  readonly state: Store<SessionState>
  signIn(): Promise<void>
  /**
   * Signs in again in a window of its own, after the session has expired: the page keeps what it has for whoever was
   * signed in, and nothing for anybody else.
   */
  signInAgain(): Promise<void>
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
  let subject = ''
  let stopWaiting = (): void => {}

  const begin = (tokens: Tokens): void => {
    cancelExpiry()
    cancelExpiry = tab.after(millisecondsUntil(tokens.expiresAt, effects), expire)
    const before = subject
    subject = subjectOf(tokens)
    // Somebody else finds nothing of whoever was here before.
    if (state.get().kind === 'expired' && subject !== before) state.set({ kind: 'signed-out' })
    state.set({ kind: 'signed-in', tokens })
  }
  const expire = (): void => {
    cancelExpiry()
    cancelExpiry = tab.after(expiredPageMs, () => {
      stopWaiting()
      state.set({ kind: 'signed-out' })
    })
    state.set({ kind: 'expired', busy: false })
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

  const expiredWith = (problem: Problem<SignInCode>): void => {
    if (state.get().kind === 'expired') state.set({ kind: 'expired', busy: false, problem })
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
    async signInAgain() {
      // At once: a browser opens windows for a click, and not for what comes of it later.
      const opened = tab.openWindow()
      if (opened === undefined) return this.signIn()
      stopWaiting()
      const storage = memoryStorage()
      state.set({ kind: 'expired', busy: true })
      const options = { redirectUri, returnTo: '', inWindow: true }
      const address = await beginSignIn(identity, effects, storage, options)
      if (!address.ok) {
        opened.close()
        return expiredWith(address.problem)
      }
      const expected = address.value.searchParams.get('state')
      stopWaiting = tab.answers((answer) => {
        if (answer.searchParams.get('state') !== expected) return
        stopWaiting()
        void completeSignIn(identity, effects, storage, { address: answer, redirectUri }).then(
          (granted) => {
            if (!granted.ok) expiredWith(granted.problem)
            else if (state.get().kind === 'expired') begin(granted.value.tokens)
          },
        )
      })
      // Whoever closes the window may open another.
      state.set({ kind: 'expired', busy: false })
      opened.show(address.value)
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
      if (state.get().kind === 'signed-in') expire()
    },
  }
}

function millisecondsUntil(instant: UnixSeconds, effects: Effects): number {
  return Math.max(0, instant - effects.now()) * 1000
}

const answerChannel = 'sealward.sign-in-answer'

/**
 * Hands an identity provider's answer over to the page that waits for it, where this window was opened for that, and closes
 * it. The answer is a code that is of no use without the verifier, which that page has.
 *
 * @returns whether this window has nothing else to do.
 */
export function handOverAnswer(address: URL): boolean {
  if (!isAnswerInWindow(address)) return false
  const channel = new BroadcastChannel(answerChannel)
  channel.postMessage(address.href)
  channel.close()
  history.replaceState(null, '', '/')
  close()
  return true
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
    openWindow: () => {
      const opened = window.open('about:blank', '_blank', 'popup,width=520,height=680')
      return opened === null
        ? undefined
        : {
            show: (address) => opened.location.replace(address),
            close: () => opened.close(),
          }
    },
    answers: (call) => {
      const channel = new BroadcastChannel(answerChannel)
      channel.onmessage = ({ data }) => {
        if (typeof data === 'string' && URL.canParse(data)) call(new URL(data))
      }
      return () => channel.close()
    },
    after: (milliseconds, call) => {
      // A browser fires timers beyond 2^31 ms at once.
      const timer = setTimeout(call, Math.min(milliseconds, 2 ** 31 - 1))
      return () => clearTimeout(timer)
    },
  }
}
