import {
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import type { SigningJwk, SigningKeys } from '@sealward/attestation/token'
import * as z from 'zod'
import type { Clock } from '../effects/index.ts'
import { createHttpClient } from '../http/http-client.ts'
import { singleFlight } from '../http/single-flight.ts'
import { identityLimits } from './limits.ts'

export interface SignerKeysOptions {
  /** The attestation service's pinned address: `/certs` is asked there and nowhere else. */
  readonly url: string
  readonly clock: Clock
  /** How long keys are used without asking again; 300 unless said. */
  readonly freshSeconds?: number
  /** How long they are used while the service does not answer; 3600 unless said. */
  readonly staleSecondsMax?: number
}

export interface SignerKeys {
  /**
   * The keys that the attestation service publishes. They are believed only as far as the pinned signers
   * say, which whoever verifies a token compares.
   */
  keys(): Promise<Result<SigningKeys, Problem<'attestation-unavailable'>>>
  /** Asks anew, at most every 10 seconds: for a token by a key that is not among the known ones. */
  refresh(): Promise<Result<SigningKeys, Problem<'attestation-unavailable'>>>
  close(): Promise<void>
}

/** Fetches the attestation service's keys and keeps them for a bounded time. No token's `jku` is ever followed. */
export function createSignerKeys(options: SignerKeysOptions): SignerKeys {
  const { clock, freshSeconds = 300, staleSecondsMax = 3600 } = options
  const http = createHttpClient({
    secondsMax: identityLimits.answerSecondsMax,
    answerBytesMax: identityLimits.answerBytesMax,
  })
  let known: { readonly keys: SigningKeys; readonly at: number } | undefined
  let askedAt = Number.NEGATIVE_INFINITY

  const ask = singleFlight(async () => {
    askedAt = clock.now()
    const answer = await http.send({
      url: `${options.url}/certs`,
      headers: { accept: 'application/jwk+json, application/json' },
    })
    const keys = answer.ok && answer.value.status === 200 ? keysOf(answer.value.body) : undefined
    if (keys !== undefined) known = { keys, at: clock.now() }
  })
  /** A clock that was set back makes nothing young. */
  const secondsSince = (instant: UnixSeconds): number => Math.abs(clock.now() - instant)
  const usable = (): Result<SigningKeys, Problem<'attestation-unavailable'>> =>
    known !== undefined && secondsSince(known.at) <= staleSecondsMax
      ? ok(known.keys)
      : refuse('attestation-unavailable', 'certs', 'signing keys could not be fetched')

  return {
    async keys() {
      const fresh = known !== undefined && secondsSince(known.at) < freshSeconds
      if (!fresh) await ask()
      return usable()
    },
    async refresh() {
      if (secondsSince(askedAt) >= 10) await ask()
      return usable()
    },
    close: () => http.close(),
  }
}

const keySetSchema: z.ZodType<SigningKeys> = z.object({
  keys: z
    .array(z.looseObject({ kty: z.string().max(16) }) as unknown as z.ZodType<SigningJwk>)
    .max(identityLimits.signerKeysMax),
})

function keysOf(body: Uint8Array): SigningKeys | undefined {
  try {
    return keySetSchema.safeParse(JSON.parse(textOf(body) ?? '')).data
  } catch {
    return undefined
  }
}
