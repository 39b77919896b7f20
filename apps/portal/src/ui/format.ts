import type { UnixSeconds } from '@sealward/attestation/bytes'
import { useTranslation } from 'react-i18next'

/**
 * The reader's own variant of the chosen language where the browser names one, since a date reads
 * differently in London and in New York.
 */
function useLocale(): string {
  const { language } = useTranslation().i18n
  const main = language.split('-')[0] ?? language
  return language === main
    ? (navigator.languages.find((wish) => wish.split('-')[0] === main) ?? language)
    : language
}

/** Date and time of an instant, in the reader's language and time zone. */
export function useInstant(): (instant: UnixSeconds | string) => string {
  const locale = useLocale()
  const format = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })
  return (instant) => {
    const date = new Date(typeof instant === 'number' ? instant * 1000 : instant)
    return Number.isNaN(date.getTime()) ? '' : format.format(date)
  }
}

/** A calendar date, which has no time zone: `2019-05-04` is that day everywhere. */
export function useDay(): (day: string) => string {
  const locale = useLocale()
  const format = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' })
  return (day) => {
    const date = new Date(`${day}T00:00:00Z`)
    return Number.isNaN(date.getTime()) ? day : format.format(date)
  }
}

/** With one digit after the point, what is beyond this would read as certain. */
const mostCertain = 0.999

export function useNumbers(): {
  /** `0.934` as `93.4 %`. */
  readonly percent: (share: number) => string
  /** A model's probability: never rounded to certainty, as `> 99.9 %`. */
  readonly probability: (share: number) => string
  /** With sign, so many digits after the point. */
  readonly signed: (value: number, digits: number) => string
  readonly fixed: (value: number, digits: number) => string
  /** A size in bytes as `1.2 MB`. */
  readonly size: (bytes: number) => string
} {
  const locale = useLocale()
  const format = (options: Intl.NumberFormatOptions, value: number): string =>
    new Intl.NumberFormat(locale, options).format(value)
  const digitsOf = (digits: number): Intl.NumberFormatOptions => ({
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  const percent = (share: number): string => format({ style: 'percent', ...digitsOf(1) }, share)
  return {
    percent,
    probability: (share) =>
      share > mostCertain
        ? `> ${percent(mostCertain)}`
        : share < 1 - mostCertain
          ? `< ${percent(1 - mostCertain)}`
          : percent(share),
    signed: (value, digits) => format({ signDisplay: 'exceptZero', ...digitsOf(digits) }, value),
    fixed: (value, digits) => format(digitsOf(digits), value),
    size: (bytes) =>
      bytes < 1_000_000
        ? format({ style: 'unit', unit: 'kilobyte', ...digitsOf(0) }, bytes / 1000)
        : format({ style: 'unit', unit: 'megabyte', ...digitsOf(1) }, bytes / 1_000_000),
  }
}
