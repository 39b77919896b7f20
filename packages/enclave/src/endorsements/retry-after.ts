import type { UnixSeconds } from '@sealward/attestation/bytes'
import { endorsementsLimits } from './limits.ts'

/**
 * The seconds that a `Retry-After` asks to wait: a number, or a date.
 *
 * @returns `undefined` for none, or one that cannot be read; never more than the limit.
 * @see RFC 9110, section 10.2.3
 */
export function retryAfterOf(header: string | undefined, now: UnixSeconds): number | undefined {
  const text = header?.trim() ?? ''
  const seconds = /^[0-9]{1,10}$/.test(text) ? Number(text) : secondsUntil(text, now)
  return seconds === undefined
    ? undefined
    : Math.min(seconds, endorsementsLimits.retryAfterSecondsMax)
}

function secondsUntil(date: string, now: UnixSeconds): number | undefined {
  if (!/^[A-Z][a-z]{2,8},? /.test(date)) return undefined
  const milliseconds = Date.parse(date)
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, Math.ceil(milliseconds / 1000) - now)
}
