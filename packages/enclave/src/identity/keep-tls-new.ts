import { parseRaTlsCertificate } from '@sealward/attestation/evidence'
import type { Clock } from '../effects/index.ts'
import type { PcsClient } from '../endorsements/index.ts'
import type { Logger } from '../telemetry/index.ts'
import type { Identity } from './identity.ts'
import { identityLimits } from './limits.ts'

/**
 * Shows another certificate, with another key and another quote, before the one that is shown grows old; and as soon as
 * the vendor says something else of the platform.
 */
export function keepTlsNew(options: {
  readonly identity: Pick<Identity, 'tls' | 'renewTls'>
  readonly endorsements: Pick<PcsClient, 'endorsementsFor'>
  readonly clock: Clock
  readonly log: Logger
  /** How old it may grow; half an hour unless said. */
  readonly renewalSeconds?: number
  /** How often it is looked at; 30 unless said. */
  readonly everySeconds?: number
}): { close(): void } {
  const { identity, endorsements, clock, log } = options
  const { renewalSeconds = identityLimits.certificateRenewalSeconds, everySeconds = 30 } = options
  let shownAt = clock.now()
  let vouched: string | undefined
  let isLooking = false

  /** What the vendor says of the platform; `undefined` while it is not known. */
  const saidOfPlatform = async (): Promise<string | undefined> => {
    const shown = parseRaTlsCertificate(identity.tls.certificate)
    const said = shown.ok ? await endorsements.endorsementsFor(shown.value.quote) : shown
    return said.ok
      ? `${said.value.tcb_info_signature}${said.value.qe_identity_signature}`
      : undefined
  }
  const look = async (): Promise<void> => {
    const said = await saidOfPlatform()
    const isNews = said !== undefined && vouched !== undefined && said !== vouched
    vouched = said ?? vouched
    if (!isNews && clock.now() - shownAt < renewalSeconds) return
    await identity.renewTls()
    shownAt = clock.now()
    log.info('certificate-renewed', { code: isNews ? 'new-endorsements' : 'age' })
  }
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    look()
      .catch((error: unknown) => log.thrown('certificate-not-renewed', error))
      .finally(() => {
        isLooking = false
      })
  }, everySeconds * 1000)
  timer.unref()
  return { close: () => clearInterval(timer) }
}
