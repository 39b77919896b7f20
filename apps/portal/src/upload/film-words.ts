import { en } from '../i18n/en.ts'

export type WarningWords = keyof typeof en.film.warning

/** The key of the words for a warning; one without is shown as the platform wrote it. */
export function wordsOfWarning(warning: string): WarningWords | undefined {
  return warning in en.film.warning ? (warning as WarningWords) : undefined
}
