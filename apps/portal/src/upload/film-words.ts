import { en } from '../i18n/en.ts'

export type WarningWords = keyof typeof en.film.warning
export type DifferenceWords = keyof typeof en.film.difference

/** The key of the words for a warning; one without is shown as the platform wrote it. */
export function wordsOfWarning(warning: string): WarningWords | undefined {
  return warning in en.film.warning ? (warning as WarningWords) : undefined
}

/** Whether a warning says that the film may be of another patient: the gravest there is. */
export function isDifference(warning: string): warning is DifferenceWords {
  return warning in en.film.difference
}
