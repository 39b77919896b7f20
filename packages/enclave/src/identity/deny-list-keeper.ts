import { jsonOf, ok, type Problem, type Result, reading, refuse } from '@sealward/attestation/bytes'
import {
  type DenyList,
  type DenyListTrust,
  tokenLimits,
  verifyDenyList,
} from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import type { Clock } from '../effects/index.ts'
import { createHttpClient } from '../http/http-client.ts'
import { singleFlight } from '../http/single-flight.ts'
import { identityLimits } from './limits.ts'
import type { SignerKeys } from './signer-keys.ts'

export interface DenyListKeeperOptions {
  /** The attestation service's pinned address: `/deny-list` is asked there and nowhere else. */
  readonly url: string
  /** As the measured init-time data has them. */
  readonly issuer: string
  readonly signers: readonly string[]
  readonly signerKeys: SignerKeys
  readonly clock: Clock
  /** How often it is asked for; 60 unless said. */
  readonly pollSeconds?: number
  /** How long a list counts after it was signed; 300 unless said. */
  readonly ageSecondsMax?: number
  /** 30 unless said. */
  readonly clockSkewSeconds?: number
  /** Told why a list that came is not used, or that none came. */
  readonly onProblem?: (problem: Problem) => void
}

export interface DenyListKeeper {
  /**
   * What is known of who has been denied, for whoever verifies a token: that compares its age once more.
   *
   * @returns `deny-list-stale` while no list is known.
   */
  trust(): Promise<Result<DenyListTrust, Problem<'deny-list-stale'>>>
  close(): Promise<void>
}

/** Asks for the attestation service's deny list from time to time, and keeps the newest that it verified. */
export function createDenyListKeeper(options: DenyListKeeperOptions): DenyListKeeper {
  const { clock, signerKeys, pollSeconds = 60 } = options
  const ageSecondsMax = options.ageSecondsMax ?? tokenLimits.denyListAgeSeconds
  const http = createHttpClient({
    secondsMax: identityLimits.answerSecondsMax,
    answerBytesMax: identityLimits.answerBytesMax,
  })
  let known: Verified<DenyList> | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  let isAsking = false

  const ask = singleFlight(async (): Promise<void> => {
    askedAt = clock.now()
    isAsking = true
    const list = await fetchList().finally(() => {
      isAsking = false
    })
    if (!list.ok) return options.onProblem?.(list.problem)
    if (known === undefined || isStale() || isNewer(list.value, known)) known = list.value
  })

  const fetchList = async (): Promise<Result<Verified<DenyList>, Problem>> => {
    const answer = await http.send({ url: `${options.url}/deny-list` })
    const text = answer.ok && answer.value.status === 200 ? tokenIn(answer.value.body) : undefined
    if (text === undefined) {
      return refuse('attestation-unavailable', 'deny-list', 'the deny list could not be fetched')
    }
    const verify = async (keys: Awaited<ReturnType<SignerKeys['keys']>>) =>
      keys.ok
        ? verifyDenyList(text, {
            issuer: options.issuer,
            signers: options.signers,
            jwks: keys.value,
            at: clock.now(),
            clockSkewSeconds: options.clockSkewSeconds ?? 30,
            known,
          })
        : keys
    const first = await verify(await signerKeys.keys())
    const isUnknown = !first.ok && first.problem.code === 'unknown-signer'
    return isUnknown ? verify(await signerKeys.refresh()) : first
  }

  // A clock that was set back makes nothing young.
  const isStale = (): boolean =>
    known === undefined || Math.abs(clock.now() - known.issuedAt) > ageSecondsMax
  const timer = setInterval(() => void ask().catch(() => {}), pollSeconds * 1000)
  timer.unref()
  return {
    async trust() {
      const waitSeconds = isStale() ? Math.min(retrySeconds, pollSeconds) : pollSeconds
      const isDue = Math.abs(clock.now() - askedAt) >= waitSeconds
      // Whoever comes while a newer list is on its way waits for it, too.
      if (isDue || isAsking) await ask()
      return known === undefined
        ? refuse('deny-list-stale', 'denyList', 'no deny list could be fetched yet')
        : ok({ list: known, ageSecondsMax })
    },
    async close() {
      clearInterval(timer)
      await http.close()
    },
  }
}

/** How soon it is asked for again while nobody can be let in. */
const retrySeconds = 5

/** `{token}`, as all answers of the attestation service are. */
function tokenIn(body: Uint8Array): string | undefined {
  const json = jsonOf(body, { bytesMax: identityLimits.answerBytesMax, depthMax: 1 })
  if (!json.ok) return undefined
  const token = reading(json.value, '', (top) =>
    top.object('ignored', ({ required }) =>
      required('token').string(identityLimits.answerBytesMax),
    ),
  )
  return token.ok ? token.value : undefined
}

function isNewer(one: DenyList, other: DenyList): boolean {
  return one.sequence > other.sequence || one.issuedAt > other.issuedAt
}
