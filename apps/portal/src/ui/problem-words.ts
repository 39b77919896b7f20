import { en } from '../i18n/en.ts'

/** The words that there are for problems of the platform. */
export type ProblemWords = Exclude<keyof typeof en.problem, 'code'>

/** The key of the words for a code. A code without words of its own gets those that fit any. */
export function wordsOfCode(code: string): ProblemWords {
  return code !== 'code' && code in en.problem ? (code as ProblemWords) : 'other'
}
