/**
 * A workload's attestation token, and the access tokens it gets for that.
 *
 * @see RFC 8693, RFC 7523 section 2.2; docs/spec/tokens.md
 * @module
 */

import {
  base64UrlOf,
  bytesOfBase64Url,
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { challengeNonceOf } from '@sealward/attestation/token'
import * as z from 'zod'
import type { Clock, Random } from '../effects/index.ts'
import { createHttpClient, type HttpAnswer, type HttpRequest } from '../http/http-client.ts'
import type { EvidenceExtras, Identity } from './identity.ts'
import { identityLimits } from './limits.ts'
import type { TlsIdentity } from './tls-identity.ts'

export interface PassportOptions {
  readonly identity: Identity
  readonly attestation: {
    /** The issuer that tokens and assertions name. */
    readonly issuer: string
    /** Where it is reached; the issuer itself unless said. */
    readonly url?: string
  }
  readonly clock: Clock
  readonly random: Random
  readonly extras?: EvidenceExtras
  /** Whether evidence is made for a challenge of the attestation service, which its policy may ask for. */
  readonly challenged?: boolean
}

/** `attestation-unavailable` is the world's, and may be retried; `attestation-refused` is about us. */
export type PassportCode =
  | 'attestation-unavailable'
  | 'attestation-refused'
  | 'attestation-malformed'

/** An access token and when it ends. */
export interface TimedToken {
  readonly token: string
  readonly expiresAt: UnixSeconds
}

export interface Passport {
  /**
   * The attestation token of this workload, got again before it runs out. One request at a time: those
   * who ask meanwhile share it.
   *
   * @param holder - the certificate that it names: that of a connection which it is shown on. The present one unless
   *   said.
   */
  token(holder?: TlsIdentity): Promise<Result<string, Problem<PassportCode>>>
  /**
   * A new access token for one audience, bound to this workload's TLS certificate. The receiver lets it
   * in on one connection only, so it is for one connection: ask again for the next.
   *
   * @param purpose - why, in words of a fixed list; it is logged by others, and never names a person.
   * @param holder - the certificate that it is bound to, as of {@link Passport.token}.
   */
  accessToken(
    audience: string,
    purpose: string,
    holder?: TlsIdentity,
  ): Promise<Result<TimedToken, Problem<PassportCode>>>
  close(): Promise<void>
}

/** Keeps an attestation token for `identity`, and exchanges it. */
export function createPassport(options: PassportOptions): Passport {
  const { identity, clock, random } = options
  const { issuer, url = issuer } = options.attestation
  const http = createHttpClient({
    secondsMax: identityLimits.answerSecondsMax,
    answerBytesMax: identityLimits.answerBytesMax,
  })
  /** By certificate; the newest last. */
  const held = new Map<string, HeldToken>()
  const flights = new Map<string, Promise<Result<HeldToken, Problem<PassportCode>>>>()

  const ask = async <T>(
    request: HttpRequest,
    schema: z.ZodType<T>,
  ): Promise<Result<T, Problem<PassportCode>>> => {
    const answer = await http.send(request)
    return answer.ok
      ? readAnswer(answer.value, schema)
      : refuse('attestation-unavailable', '', answer.problem.detail)
  }

  const askForChallenge = async (): Promise<Result<string, Problem<PassportCode>>> => {
    const answer = await ask(
      { method: 'POST', url: `${url}/challenge` },
      z.object({ challenge: z.string() }),
    )
    return answer.ok ? ok(answer.value.challenge) : answer
  }

  const renew = (holder: TlsIdentity): Promise<Result<HeldToken, Problem<PassportCode>>> => {
    const name = holder.certificateSha256
    const flight = flights.get(name) ?? renewed(holder).finally(() => flights.delete(name))
    flights.set(name, flight)
    return flight
  }
  const renewed = async (
    holder: TlsIdentity,
  ): Promise<Result<HeldToken, Problem<PassportCode>>> => {
    const challenge = options.challenged === true ? await askForChallenge() : undefined
    if (challenge?.ok === false) return challenge
    const { quote, runtimeData, initTimeData } = await identity.quoted(
      challenge === undefined ? random.bytes(32) : await nonceFor(challenge.value),
      options.extras,
      holder,
    )
    const json = (data: Uint8Array): object => ({ data: base64UrlOf(data), dataType: 'JSON' })
    const answer = await ask(
      {
        method: 'POST',
        url: `${url}/attest/SgxEnclave?api-version=2025-06-01`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          quote: base64UrlOf(quote),
          runtimeData: json(runtimeData),
          initTimeData: json(initTimeData),
          ...(challenge === undefined ? {} : { nonce: challenge.value }),
        }),
      },
      z.object({ token: z.string() }),
    )
    if (!answer.ok) return answer
    const expiresAt = expiryOf(answer.value.token)
    const now = clock.now()
    if (expiresAt === undefined || expiresAt <= now) {
      return refuse('attestation-malformed', 'token', 'a token with time left expected')
    }
    // The last quarter of its life is for getting the next one, with an attestation service that is down.
    const token = {
      token: answer.value.token,
      expiresAt,
      renewAt: expiresAt - Math.ceil((expiresAt - now) / 4),
    }
    held.delete(holder.certificateSha256)
    held.set(holder.certificateSha256, token)
    const [oldest] = held.keys()
    if (held.size > identityLimits.holdersMax && oldest !== undefined) held.delete(oldest)
    return ok(token)
  }

  const current = async (
    holder: TlsIdentity,
  ): Promise<Result<HeldToken, Problem<PassportCode>>> => {
    const now = clock.now()
    const token = held.get(holder.certificateSha256)
    if (token === undefined || now >= token.expiresAt) return renew(holder)
    // Whoever asks in the last quarter is served with what there is.
    if (now >= token.renewAt) renew(holder).catch(() => {})
    return ok(token)
  }

  const exchange = async (
    subjectToken: string,
    audience: string,
    purpose: string,
  ): Promise<Result<TimedToken, Problem<PassportCode>>> => {
    const now = clock.now()
    const endpoint = `${issuer}/token`
    const assertion = await identity.signJws(
      {
        iss: identity.kid,
        sub: identity.kid,
        aud: endpoint,
        iat: now,
        exp: now + 60,
        jti: base64UrlOf(random.bytes(16)),
      },
      'JWT',
    )
    const answer = await ask(
      {
        method: 'POST',
        url: `${url}/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: subjectToken,
          subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
          audience,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion,
          purpose,
        }).toString(),
      },
      z.object({ access_token: z.string(), expires_in: z.number().positive() }),
    )
    if (!answer.ok) return answer
    return ok({
      token: answer.value.access_token,
      expiresAt: now + Math.floor(answer.value.expires_in),
    })
  }

  return {
    async token(holder = identity.tls) {
      const result = await current(holder)
      return result.ok ? ok(result.value.token) : result
    },
    async accessToken(audience, purpose, holder = identity.tls) {
      const before = held.get(holder.certificateSha256)
      const subject = await current(holder)
      if (!subject.ok) return subject
      const first = await exchange(subject.value.token, audience, purpose)
      const refused = !first.ok && first.problem.code === 'attestation-refused'
      if (!refused || subject.value !== before) return first
      // The service may have changed its key or its policy since: once more, with a token of now.
      const anew = await renew(holder)
      return anew.ok ? await exchange(anew.value.token, audience, purpose) : anew
    },
    close: () => http.close(),
  }
}

/** Runtime data has room for 32 bytes: the challenge itself goes beside it. */
async function nonceFor(challenge: string): Promise<Uint8Array> {
  const nonce = bytesOfBase64Url(await challengeNonceOf(challenge))
  if (nonce === undefined) throw new Error('a digest is base64url')
  return nonce
}

interface HeldToken extends TimedToken {
  readonly renewAt: UnixSeconds
}

function readAnswer<T>(answer: HttpAnswer, schema: z.ZodType<T>): Result<T, Problem<PassportCode>> {
  const { status } = answer
  const json = jsonOfBody(answer.body)
  if (status === 200) {
    const read = schema.safeParse(json)
    if (read.success) return ok(read.data)
    return refuse('attestation-malformed', '', 'an answer of another form')
  }
  // Their code is a word of theirs: passed on only where it is one.
  const code = refusalSchema.safeParse(json).data?.error
  const word = typeof code === 'string' ? code : code?.code
  const said = word !== undefined && /^[A-Za-z0-9_-]{1,64}$/.test(word) ? word : 'without a code'
  return status >= 400 && status < 500 && status !== 429
    ? refuse('attestation-refused', '', `refused with ${status}, ${said}`)
    : refuse('attestation-unavailable', '', `answered ${status}, ${said}`)
}

/** `{error: "invalid_grant"}` (RFC 6749) or `{error: {code, message}}` (Azure). */
const refusalSchema = z.object({
  error: z.union([z.string(), z.object({ code: z.string() })]),
})

function jsonOfBody(body: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(body) ?? '')
  } catch {
    return undefined
  }
}

/** Reads a token of our own: only when it ends, to know when to get the next. */
function expiryOf(token: string): UnixSeconds | undefined {
  const payload = bytesOfBase64Url(token.split('.')[1] ?? '')
  const claims = payload === undefined ? undefined : jsonOfBody(payload)
  const exp = z.object({ exp: z.int() }).safeParse(claims)
  return exp.data?.exp
}
