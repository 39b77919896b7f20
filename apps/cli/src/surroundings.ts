import type { Effects } from './http.ts'
import type { Input } from './input.ts'

/** Where a command writes, and what it is given beside its arguments. */
export interface Surroundings {
  readonly effects: Effects
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Standard error, where it is a terminal: for progress bars. */
  readonly terminal?: NodeJS.WritableStream
  /** Standard input, for what is no argument: confirmations, and shares of a recovery key. */
  readonly input?: Input
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal
}
