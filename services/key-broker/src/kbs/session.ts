/**
 * A handshake under way, in the cookie of whoever began it: strangers take no memory of the broker, however many there
 * are, and any replica goes on where another began.
 *
 * @see docs/spec/kbs.md
 * @module
 */

import { timingSafeEqual } from 'node:crypto'
import {
  base64Of,
  base64UrlOf,
  bytesOfBase64Url,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Sealer } from '@sealward/enclave/sealing'
import type { Clock, Random } from '@sealward/enclave/server'
import { limits } from './limits.ts'
import { type AuthRequest, protocolVersions, teeNames } from './request.ts'
import { kbsHashes } from './runtime-data.ts'

export interface Session extends AuthRequest {
  /** What the cookie says, without what proves that it is ours. */
  readonly name: string
  /** What evidence has to be made for: base64, 32 bytes. */
  readonly nonce: string
  readonly expiresAt: UnixSeconds
}

export type SessionCode = 'kbs-session-missing' | 'kbs-session-unknown' | 'kbs-session-expired'

export interface Sessions {
  begin(request: AuthRequest): { readonly session: Session; readonly cookie: string }
  /** @param header - the request's `Cookie`. */
  read(header: string | undefined): Result<Session, Problem<SessionCode>>
  /** The header that sets the cookie of a session. */
  setCookie(cookie: string, session: Session): string
}

const cookieName = 'kbs-session-id'

export function createSessions(deps: {
  readonly sealer: Pick<Sealer, 'blindIndexes'>
  readonly clock: Clock
  readonly random: Random
  readonly lifetimeSeconds: number
  /** Whether cookies go over TLS alone. */
  readonly secure: boolean
}): Sessions {
  const { sealer, clock, random, lifetimeSeconds, secure } = deps
  /** HMAC-SHA-256 under a key of the broker's for this purpose alone, base64url. */
  const keyed = (purpose: string, name: string): string => {
    const [newest] = sealer.blindIndexes(purpose, name)
    if (newest === undefined) throw new Error('a sealer without a key')
    return newest.value
  }
  const proofOf = (name: string): string => keyed('kbs session', name)
  const nonceOf = (name: string): string =>
    base64Of(bytesOfBase64Url(keyed('kbs nonce', name)) ?? new Uint8Array())
  return {
    begin(request) {
      const { version, tee, hash } = request
      const expiresAt = clock.now() + lifetimeSeconds
      const id = base64UrlOf(random.bytes(16))
      const name = [version.replaceAll('.', '-'), tee, hash, expiresAt, id].join('.')
      return {
        session: { ...request, name, nonce: nonceOf(name), expiresAt },
        cookie: `${name}.${proofOf(name)}`,
      }
    },
    read(header) {
      const cookie = cookieIn(header)
      if (cookie === undefined) {
        return refuse(
          'kbs-session-missing',
          'cookie',
          `There is no cookie ${cookieName}: a handshake begins with /kbs/v0/auth.`,
        )
      }
      const [, name = '', proof = ''] = /^(.+)\.([^.]+)$/.exec(cookie) ?? []
      const read = equalTexts(proof, proofOf(name)) ? partsOf(name) : undefined
      if (read === undefined) {
        return refuse('kbs-session-unknown', 'cookie', 'This session was not begun here.')
      }
      if (read.expiresAt <= clock.now()) {
        return refuse('kbs-session-expired', 'cookie', 'The session has ended: begin another one.')
      }
      return ok({ ...read, name, nonce: nonceOf(name) })
    },
    setCookie: (cookie, { expiresAt }) =>
      [
        `${cookieName}=${cookie}`,
        `Expires=${new Date(expiresAt * 1000).toUTCString()}`,
        'Path=/',
        'HttpOnly',
        'SameSite=Strict',
        ...(secure ? ['Secure'] : []),
      ].join('; '),
  }
}

/** The one cookie of ours; none, where there are two. */
export function cookieIn(header: string | undefined): string | undefined {
  const values = (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${cookieName}=`))
    .map((pair) => pair.slice(cookieName.length + 1))
  const [value, ...more] = values
  // Nothing but ASCII: one proof is of one text.
  const isOurs = more.length === 0 && value !== undefined && /^[A-Za-z0-9._-]+$/.test(value)
  return isOurs && value.length <= limits.cookieCharactersMax ? value : undefined
}

/** Only after the proof was found to be ours. */
function partsOf(name: string): (AuthRequest & { readonly expiresAt: UnixSeconds }) | undefined {
  const [versionText = '', teeText, hashText, expiryText] = name.split('.')
  const version = protocolVersions.find((one) => one === versionText.replaceAll('-', '.'))
  const tee = teeNames.find((one) => one === teeText)
  const hash = kbsHashes.find((one) => one === hashText)
  const expiresAt = Number(expiryText)
  return version && tee && hash && Number.isSafeInteger(expiresAt)
    ? { version, tee, hash, expiresAt }
    : undefined
}

function equalTexts(one: string, other: string): boolean {
  const [a, b] = [utf8Of(one), utf8Of(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
