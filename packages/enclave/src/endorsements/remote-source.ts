/**
 * Endorsements from their endorsers, or from caches that stand for them.
 *
 * @see docs/spec/endorsements.md
 * @module
 */

import { type Problem, type Result, refuse, type UnixSeconds } from '@sealward/attestation/bytes'
import { type Clock, type Random, systemRandom } from '../effects/index.ts'
import { createHttpClient, type HttpAnswer, type HttpClient } from '../http/http-client.ts'
import { createTokenBucket, type RateLimit, type TokenBucket } from '../rates/token-bucket.ts'
import type { EndorsementItem, EndorsementPiece } from './item.ts'
import { type ItemScope, scopeOf } from './item-scope.ts'
import { endorsementsLimits } from './limits.ts'
import { pauseOf, type Sleep, systemSleep } from './pause.ts'
import type { SourceCode } from './problems.ts'
import { readPiece } from './read-piece.ts'
import { retryAfterOf } from './retry-after.ts'
import type { EndorsementSource } from './source.ts'
import { targetOf } from './target.ts'
import type { KdsAddress, PcsAddress } from './vendors.ts'

export interface RemoteSourceOptions {
  /** Without it, nothing of Intel's is had. */
  readonly pcs?: PcsAddress
  /** Without it, nothing of AMD's is had. */
  readonly kds?: KdsAddress
  readonly clock: Clock
  /** For the pauses between tries. */
  readonly random?: Random
  readonly sleep?: Sleep
  /** Tries for one endorsement, the first included; 3 unless said. */
  readonly triesMax?: number
  /** The longest that one request waits its turn; 10 seconds unless said. */
  readonly waitSecondsMax?: number
  /** For one answer; 10 seconds unless said. */
  readonly answerSecondsMax?: number
  /**
   * What is done with an answer that has run out when it comes: `refused` unless said. An attester hands it on, so
   * that whoever verifies its evidence says what is wrong, and not merely that it is down. It is never kept.
   */
  readonly expired?: 'refused' | 'handed-on'
  /** Of each host of its kind; what docs/spec/endorsements.md says, unless said. */
  readonly rates?: { readonly pcs?: RateLimit; readonly kds?: RateLimit }
}

/** Asks the endorsers each time: a cache belongs before it. */
export function createRemoteSource(options: RemoteSourceOptions): EndorsementSource {
  const { clock, random = systemRandom, sleep = systemSleep } = options
  const {
    triesMax = endorsementsLimits.triesMax,
    waitSecondsMax = endorsementsLimits.waitSecondsMax,
    answerSecondsMax = endorsementsLimits.answerSecondsMax,
  } = options
  const http = createHttpClient({
    secondsMax: answerSecondsMax,
    answerBytesMax: endorsementsLimits.answerBytesMax,
  })
  const hosts = new Map<string, Turns>()
  const closing = new AbortController()

  const turnsOf = (item: EndorsementItem, url: string): Turns => {
    const { origin } = new URL(url)
    const known = hosts.get(origin)
    if (known !== undefined) return known
    const vendor = vendorOf(item)
    const turns = createTurns(options.rates?.[vendor] ?? defaultRates[vendor])
    hosts.set(origin, turns)
    return turns
  }

  const urlOf = (item: EndorsementItem): string | undefined => {
    if (item.kind === 'root-ca-crl' && options.pcs?.rootCaCrlUrl !== undefined) {
      return options.pcs.rootCaCrlUrl
    }
    const base = options[vendorOf(item)]?.baseUrl
    return base === undefined ? undefined : base.replace(/\/$/, '') + targetOf(item)
  }

  const ask = async (item: EndorsementItem, url: string): Promise<Outcome> => {
    const turns = turnsOf(item, url)
    for (let tries = 1; ; tries++) {
      const wait = turns.take(scopeOf(item), clock.now(), waitSecondsMax)
      if (wait === undefined) {
        return refuse('endorsements-rate-limited', pathOf(url), 'it is asked too often')
      }
      if (wait > 0) await sleep(1000 * wait, closing.signal)
      const { outcome, again } = await askOnce(http, item, url)
      if (again === undefined || closing.signal.aborted) return outcome
      const now = clock.now()
      const told = retryAfterOf(again.retryAfter, now)
      // Others that ask this host wait as well.
      if (told !== undefined) turns.block(now, told)
      if (tries >= triesMax) return outcome
      await sleep(pauseOf(tries, random), closing.signal)
    }
  }

  return {
    async get(item) {
      const url = urlOf(item)
      if (url === undefined) {
        return refuse(
          'endorsements-missing',
          item.kind,
          'no service of this endorser is known here',
        )
      }
      try {
        const outcome = await ask(item, url)
        const isOver = outcome.ok && clock.now() >= outcome.value.endsAt
        return isOver && options.expired !== 'handed-on'
          ? refuse('endorsements-expired', pathOf(url), 'the service has nothing newer')
          : outcome
      } catch (error) {
        if (!closing.signal.aborted) throw error
        return refuse('endorsements-unavailable', pathOf(url), 'closed before an answer came')
      }
    },
    addressOf: (item) => urlOf(item) ?? targetOf(item),
    close: async () => {
      closing.abort()
      await http.close()
    },
  }
}

/**
 * Neither service publishes its limits. Intel's answers a platform's four questions at once; AMD's refuses
 * clients that start many machines together.
 */
const defaultRates: { readonly pcs: RateLimit; readonly kds: RateLimit } = {
  pcs: { burst: 40, perSecond: 10 },
  kds: { burst: 10, perSecond: 0.5 },
}

/** The turns of one host. */
interface Turns {
  take(scope: ItemScope, now: UnixSeconds, waitSecondsMax: number): number | undefined
  block(now: UnixSeconds, seconds: number): void
}

/** What strangers can name any number of has a share only: something is left for what everybody needs. */
function createTurns(rate: RateLimit): Turns {
  const all = createTokenBucket(rate)
  const share = (part: number): TokenBucket =>
    createTokenBucket({ burst: Math.max(1, rate.burst * part), perSecond: rate.perSecond * part })
  const shares = { chip: share(0.75), numbered: share(0.25) }
  return {
    take(scope, now, waitSecondsMax) {
      if (scope === 'common') return all.take(now, waitSecondsMax)
      const ofShare = shares[scope].take(now, waitSecondsMax)
      if (ofShare === undefined) return undefined
      const ofAll = all.take(now, waitSecondsMax)
      return ofAll === undefined ? undefined : Math.max(ofShare, ofAll)
    },
    block: (now, seconds) => all.block(now, seconds),
  }
}

type Outcome = Result<EndorsementPiece, Problem<SourceCode>>

interface Attempt {
  readonly outcome: Outcome
  /** Another try may end otherwise. */
  readonly again?: { readonly retryAfter: string | undefined }
}

async function askOnce(http: HttpClient, item: EndorsementItem, url: string): Promise<Attempt> {
  const sent = await http.send({ url })
  if (!sent.ok) {
    const { detail } = sent.problem
    // What is too large is so the next time.
    if (detail.includes('RES_EXCEEDED_MAX_SIZE')) {
      return { outcome: refuse('endorsements-malformed', pathOf(url), 'larger than may be') }
    }
    const outcome = refuse('endorsements-unavailable', pathOf(url), detail)
    return { outcome, again: { retryAfter: undefined } }
  }
  const { status, headers } = sent.value
  const again = { retryAfter: headers['retry-after'] }
  switch (status) {
    case 200:
      return { outcome: readPiece(item, foundIn(item, sent.value)) }
    case 404:
      return { outcome: refuse('platform-unknown', pathOf(url), 'not known to the endorser') }
    case 410:
      return { outcome: refuse('evaluation-withdrawn', pathOf(url), 'given up by the endorser') }
    case 429:
      return { outcome: refuse('endorsements-rate-limited', pathOf(url), 'answered 429'), again }
    default: {
      const outcome = refuse('endorsements-unavailable', pathOf(url), `answered ${status}`)
      return status === 408 || status >= 500 ? { outcome, again } : { outcome }
    }
  }
}

function foundIn(
  item: EndorsementItem,
  { body, headers }: HttpAnswer,
): Parameters<typeof readPiece>[1] {
  const text = headers[chainHeaders[item.kind]?.toLowerCase() ?? '']
  if (text === undefined) return { body }
  try {
    return { body, issuerChain: decodeURIComponent(text) }
  } catch {
    return { body }
  }
}

/** Headers in which Intel sends the chain of who signed, as percent-encoded PEM. */
export const chainHeaders: Readonly<Partial<Record<EndorsementItem['kind'], string>>> = {
  'tcb-info': 'TCB-Info-Issuer-Chain',
  'qe-identity': 'SGX-Enclave-Identity-Issuer-Chain',
  'pck-crl': 'SGX-PCK-CRL-Issuer-Chain',
}

function vendorOf({ kind }: EndorsementItem): 'pcs' | 'kds' {
  return kind === 'vcek' || kind === 'amd-chain' || kind === 'amd-crl' ? 'kds' : 'pcs'
}

/** A chip id names one machine: it is in no problem. */
function pathOf(url: string): string {
  return new URL(url).pathname.replace(/[0-9a-fA-F]{16,}/, '…')
}
