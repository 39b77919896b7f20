import { expect, test } from 'vitest'
import type { Effects } from '../app/effects.ts'
import type { TabStorage } from './pending.ts'
import { openSession, type Session, type Tab } from './session.ts'
import { isAnswerInWindow } from './sign-in.ts'

const issuer = 'http://localhost:4400/identity'
const identity = { issuer, clientId: 'portal', scope: 'openid profile', audience: 'urn:platform' }
const configuration = { identity } as Parameters<typeof openSession>[0]

/** A page in memory, with an identity provider that signs everybody in. */
function page(
  options: { readonly nonceInToken?: string; readonly down?: boolean; subject?: string } = {},
): {
  readonly tab: Tab & {
    left: URL | undefined
    at: URL
    timers: (() => void)[]
    /** Whether the browser lets us open windows; what the window shows; what hears of answers. */
    opens: boolean
    window: URL | undefined
    listeners: Set<(address: URL) => void>
  }
  readonly kept: Map<string, string>
  readonly asked: { url: string; body: URLSearchParams | undefined }[]
  readonly open: () => Session
} {
  const kept = new Map<string, string>()
  const storage: TabStorage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  }
  const asked: { url: string; body: URLSearchParams | undefined }[] = []
  let nonce = ''
  const effects: Effects = {
    now: () => 1_795_000_000,
    random: (length) => new Uint8Array(length),
    async fetch(url, init) {
      if (options.down) throw new TypeError('failed')
      asked.push({ url, body: init?.body as URLSearchParams | undefined })
      if (url.endsWith('openid-configuration'))
        return Response.json({
          issuer,
          authorization_endpoint: `${issuer}/auth`,
          token_endpoint: `${issuer}/token`,
          end_session_endpoint: `${issuer}/session/end`,
        })
      return Response.json({
        access_token: 'the-access-token',
        token_type: 'Bearer',
        expires_in: 600,
        id_token: idToken(options.nonceInToken ?? nonce, options.subject),
      })
    },
  }
  const tab = {
    storage,
    left: undefined as URL | undefined,
    at: new URL('http://localhost:4400/#/worklist'),
    timers: [] as (() => void)[],
    address: () => tab.at,
    showInstead: (address: URL) => {
      tab.at = address
    },
    leaveFor: (address: URL) => {
      tab.left = address
      nonce = address.searchParams.get('nonce') ?? nonce
    },
    opens: true,
    window: undefined as URL | undefined,
    listeners: new Set<(address: URL) => void>(),
    openWindow: () =>
      tab.opens
        ? {
            show: (address: URL) => {
              tab.window = address
              nonce = address.searchParams.get('nonce') ?? nonce
            },
            close: () => {
              tab.window = undefined
            },
          }
        : undefined,
    answers: (call: (address: URL) => void) => {
      tab.listeners.add(call)
      return () => tab.listeners.delete(call)
    },
    after: (_milliseconds: number, call: () => void) => {
      tab.timers.push(call)
      return () => {}
    },
  }
  return { tab, kept, asked, open: () => openSession(configuration, effects, tab) }
}

function idToken(nonce: string, sub = 'clerk'): string {
  const now = Math.floor(Date.now() / 1000)
  const part = (value: object): string =>
    btoa(JSON.stringify(value)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '')
  const claims = { iss: issuer, aud: 'portal', sub, iat: now, exp: now + 600, nonce }
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2ln`
}

/** Signs in as far as the provider's page; the provider then answers with `change` applied. */
async function leave(there: ReturnType<typeof page>): Promise<URLSearchParams> {
  await there.open().signIn()
  const question = there.tab.left?.searchParams ?? new URLSearchParams()
  return new URLSearchParams({ code: 'a-code', state: question.get('state') ?? '' })
}

async function come(there: ReturnType<typeof page>, answer: URLSearchParams): Promise<Session> {
  there.tab.at = new URL(`http://localhost:4400/?${answer}`)
  const session = there.open()
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (session.state.get().kind !== 'completing') resolve()
    }
    session.state.subscribe(look)
    look()
  })
  return session
}

test('signing in asks with PKCE, state and nonce, and comes back to where it left', async () => {
  const there = page()
  const answer = await leave(there)
  const question = there.tab.left?.searchParams
  expect(question?.get('code_challenge_method')).toBe('S256')
  expect(question?.get('code_challenge')).toMatch(/^[\w-]{43}$/)
  expect(question?.get('resource')).toBe('urn:platform')
  const session = await come(there, answer)
  expect(session.state.get()).toMatchObject({
    kind: 'signed-in',
    tokens: { accessToken: 'the-access-token', expiresAt: 1_795_000_600 },
  })
  expect(there.tab.at.href).toBe('http://localhost:4400/#/worklist')
  const exchange = there.asked.find(({ url }) => url.endsWith('/token'))?.body
  expect(exchange?.get('code_verifier')).toMatch(/^[\w-]{43,}$/)
})

test('no token and no answer is left in the storage or in the address', async () => {
  const there = page()
  await come(there, await leave(there))
  expect([...there.kept]).toEqual([])
  expect(there.tab.at.search).toBe('')
})

test('an answer with another state is refused', async () => {
  const there = page()
  const answer = await leave(there)
  answer.set('state', 'somebody-elses')
  const session = await come(there, answer)
  expect(session.state.get()).toMatchObject({ problem: { code: 'sign-in-answer-unexpected' } })
  expect(there.asked.some(({ url }) => url.endsWith('/token'))).toBe(false)
})

test('an answer that nobody asked for is refused, and so is the same answer twice', async () => {
  const there = page()
  const unasked = await come(there, new URLSearchParams({ code: 'c', state: 's' }))
  expect(unasked.state.get()).toMatchObject({ problem: { code: 'sign-in-answer-unexpected' } })
  const answer = await leave(there)
  await come(there, answer)
  const again = await come(there, answer)
  expect(again.state.get()).toMatchObject({ problem: { code: 'sign-in-answer-unexpected' } })
})

test('an identity token with another nonce is refused', async () => {
  const there = page({ nonceInToken: 'another' })
  const session = await come(there, await leave(there))
  expect(session.state.get()).toMatchObject({ problem: { code: 'sign-in-answer-unexpected' } })
})

test('a cancelled sign-in is told apart from a refused one', async () => {
  const there = page()
  const cancelled = await leave(there)
  cancelled.delete('code')
  cancelled.set('error', 'access_denied')
  expect((await come(there, cancelled)).state.get()).toMatchObject({
    problem: { code: 'sign-in-cancelled' },
  })
  const refused = await leave(there)
  refused.delete('code')
  refused.set('error', 'server_error')
  expect((await come(there, refused)).state.get()).toMatchObject({
    problem: { code: 'sign-in-refused' },
  })
})

test('a provider that is down is unavailable, and one may try again', async () => {
  const there = page({ down: true })
  const session = there.open()
  await session.signIn()
  expect(session.state.get()).toMatchObject({
    kind: 'signed-out',
    problem: { code: 'identity-provider-unavailable' },
  })
})

test('a session ends when its token does', async () => {
  const there = page()
  const session = await come(there, await leave(there))
  there.tab.timers[0]?.()
  expect(session.state.get()).toEqual({ kind: 'expired', busy: false })
})

/** Signed in, and expired since. */
async function expired(there: ReturnType<typeof page>): Promise<Session> {
  const session = await come(there, await leave(there))
  session.expire()
  expect(session.state.get()).toEqual({ kind: 'expired', busy: false })
  return session
}

/** What the provider answers in the window, handed over to every page. */
async function answerInWindow(there: ReturnType<typeof page>, state?: string): Promise<void> {
  const asked = there.tab.window?.searchParams.get('state') ?? ''
  const answer = new URLSearchParams({ code: 'a-code', state: state ?? asked })
  for (const call of there.tab.listeners) call(new URL(`http://localhost:4400/?${answer}`))
  await new Promise((resolve) => setTimeout(resolve, 20))
}

test('signing in again in a window leaves the page, its address and its storage as they are', async () => {
  const there = page()
  const session = await expired(there)
  const kinds: string[] = []
  session.state.subscribe(() => kinds.push(session.state.get().kind))
  const [left, at] = [there.tab.left, there.tab.at]
  await session.signInAgain()
  expect(there.kept.size).toBe(0)
  await answerInWindow(there)
  expect(session.state.get().kind).toBe('signed-in')
  expect(new Set(kinds)).toEqual(new Set(['expired', 'signed-in']))
  expect([there.tab.left, there.tab.at]).toEqual([left, at])
  expect(there.tab.listeners.size).toBe(0)
})

test('an answer with another state is not for this page', async () => {
  const there = page()
  const session = await expired(there)
  await session.signInAgain()
  await answerInWindow(there, 'window.of-another-tab')
  expect(session.state.get()).toEqual({ kind: 'expired', busy: false })
  await answerInWindow(there)
  expect(session.state.get().kind).toBe('signed-in')
})

test('somebody else who signs in finds nothing of whoever was here', async () => {
  const options = { subject: 'clerk' }
  const there = page(options)
  const session = await expired(there)
  const kinds: string[] = []
  session.state.subscribe(() => kinds.push(session.state.get().kind))
  await session.signInAgain()
  options.subject = 'radiologist'
  await answerInWindow(there)
  expect(kinds.slice(-2)).toEqual(['signed-out', 'signed-in'])
})

test('an expired page is forgotten after a while, and a late answer opens nothing', async () => {
  const there = page()
  const session = await expired(there)
  await session.signInAgain()
  there.tab.timers.at(-1)?.()
  expect(session.state.get()).toEqual({ kind: 'signed-out' })
  await answerInWindow(there)
  expect(session.state.get()).toEqual({ kind: 'signed-out' })
})

test('where no window can be opened the page itself goes to sign in', async () => {
  const there = page()
  const session = await expired(there)
  there.tab.opens = false
  there.tab.left = undefined
  await session.signInAgain()
  expect(there.tab.left).toBeDefined()
})

test('only what was asked for in a window is handed over', () => {
  const of = (query: string): boolean => isAnswerInWindow(new URL(`http://localhost/?${query}`))
  expect(of('code=c&state=window.x')).toBe(true)
  for (const query of ['code=c&state=x', 'state=window.x', 'code=c', ''])
    expect(of(query)).toBe(false)
})

test('signing out forgets the token and ends the session at the provider', async () => {
  const there = page()
  const session = await come(there, await leave(there))
  await session.signOut()
  expect(session.state.get()).toEqual({ kind: 'signed-out' })
  expect(there.tab.left?.pathname).toBe('/identity/session/end')
  expect(there.tab.left?.searchParams.get('id_token_hint')).not.toBe(null)
})
