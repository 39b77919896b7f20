import { ok, type Problem, type Result, type UnixSeconds } from '@sealward/attestation/bytes'
import { forecastTcb } from '@sealward/attestation/claims'
import { verifySgxEvidence } from '@sealward/attestation/verification'
import type { Clock } from '../effects/index.ts'
import type { EndorsementsCode, PcsClient } from '../endorsements/index.ts'
import type { Tee } from '../evidence/index.ts'
import type { Logger } from '../telemetry/index.ts'
import { type LocalSecret, outlivesUpdate } from './local-secret.ts'

/** An update of this machine is ahead, or due. */
export interface TcbWarning {
  /** What the machine's level is worth today: a TCB status, or the code of a refusal. */
  readonly today: string
  /** What it will be worth. */
  readonly soon: string
  /** How long today's answer can stand; `undefined` where today's is the one that asks for the update. */
  readonly standsUntil: UnixSeconds | undefined
  /** Whether the secret outlives the update under a runtime that gives the current sealing key only. */
  readonly isReady: boolean
}

export interface TcbWarningOptions {
  readonly tee: Pick<Tee, 'quote'>
  readonly endorsements: PcsClient
  /** SHA-256 of the SPKI of evidence roots, hex. */
  readonly roots: readonly string[]
  readonly clock: Clock
  readonly secret: Pick<LocalSecret, 'wraps'>
}

/**
 * Looks at this machine's own TCB level with the endorsements of today and with the vendor's early ones.
 *
 * @returns `undefined` where the level is up to date and stays so.
 */
export async function tcbWarning(
  options: TcbWarningOptions,
): Promise<Result<TcbWarning | undefined, Problem<EndorsementsCode>>> {
  const { clock, endorsements, roots, secret, tee } = options
  const quote = await tee.quote(new Uint8Array(64))
  const sides = []
  for (const baseline of ['standard', 'early'] as const) {
    const found = await endorsements.endorsementsFor(quote, baseline)
    if (!found.ok) return found
    const at = clock.now()
    sides.push(await verifySgxEvidence({ quote, endorsements: found.value, roots: [...roots], at }))
  }
  const [today, early] = sides
  if (today === undefined || early === undefined) throw new Error('there are two sides')
  const forecast = forecastTcb(today, early)
  const worth = (side: typeof forecast.today): string =>
    side.kind === 'verified' ? side.tcbStatus : side.problem.code
  const warning = { today: worth(forecast.today), soon: worth(forecast.early) }
  if (!isStale(warning.today) && !isStale(warning.soon)) return ok(undefined)
  const standsUntil = isStale(warning.today) ? undefined : forecast.todayStandsUntil
  return ok({ ...warning, standsUntil, isReady: outlivesUpdate(secret) })
}

const forecastEverySeconds = 12 * 3600

/** Whether a new level has taken this one's place: only then is there something to update to. */
function isStale(worth: string): boolean {
  return (
    worth === 'OutOfDate' ||
    worth === 'OutOfDateConfigurationNeeded' ||
    worth === 'Revoked' ||
    worth === 'tcb-revoked'
  )
}

/**
 * Says in the log while an update is ahead that the secret is not ready for: `secret-at-risk`, with the time
 * until which today's level can stand. Looks at once, and again every so often. A look that is under way when it is closed
 * is not waited for, and says nothing any more.
 */
export function watchSecret(
  options: TcbWarningOptions & { readonly log: Logger; readonly everySeconds?: number },
): { close(): void } {
  const { everySeconds = forecastEverySeconds, log } = options
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  const look = async (): Promise<void> => {
    const warning = await tcbWarning(options)
    if (isClosed) return
    // Whether there are early endorsements is not what the service lives on.
    if (!warning.ok) log.info('tcb-not-forecast', { code: warning.problem.code })
    else if (warning.value !== undefined) say(warning.value)
  }
  const say = ({ isReady, soon, standsUntil, today }: TcbWarning): void => {
    const fields = {
      tcbStatus: standsUntil === undefined ? today : soon,
      ...(standsUntil === undefined ? {} : { expiresAt: standsUntil }),
    }
    if (isReady) log.info('tcb-update-ahead', fields)
    else log.warn('secret-at-risk', fields)
  }
  const next = async (): Promise<void> => {
    await look().catch((error: unknown) => {
      if (!isClosed) log.thrown('forecast-broken', error)
    })
    if (isClosed) return
    timer = setTimeout(() => void next(), everySeconds * 1000)
    timer.unref()
  }
  void next()
  return {
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}
