import type { UnixSeconds } from '@sealward/attestation/bytes'

/** `--at`, as RFC 3339; `undefined`: no such instant. */
export function instantOf(text: string): UnixSeconds | undefined {
  const [, day, offset] = rfc3339Form.exec(text.toUpperCase()) ?? []
  if (day === undefined || offset === undefined) return undefined
  // JavaScript takes the 30th of February for a day in March.
  if (rfc3339(Date.parse(`${day}Z`) / 1000) !== `${day}Z`) return undefined
  const milliseconds = Date.parse(text.toUpperCase())
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000)
}

/** As RFC 3339, in UTC and to the second. */
export function rfc3339(instant: UnixSeconds): string {
  return Number.isFinite(instant)
    ? new Date(1000 * instant).toISOString().replace('.000Z', 'Z')
    : ''
}

const rfc3339Form = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/
