import * as z from 'zod'
import { limits } from './limits.ts'

/** What an operator allows. Without it nothing of this is there. */
export interface BreakGlassSettings {
  /** Names of the keys that may be asked for. */
  readonly keys: readonly string[]
  /** How long a request waits for a second person. */
  readonly approvalSeconds: number
  /** How long an approved one can be used. */
  readonly useSeconds: number
}

export const breakGlassSettings: z.ZodType<BreakGlassSettings, object> = z.strictObject({
  keys: z
    .array(z.string().regex(/^[0-9A-Za-z-]{1,127}$/, 'the name of a key'))
    .min(1)
    .max(64),
  approvalSeconds: z.int().min(60).max(limits.approvalSecondsMax).default(3600),
  useSeconds: z.int().min(60).max(limits.useSecondsMax).default(900),
})
