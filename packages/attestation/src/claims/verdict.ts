import type { Problem } from '../bytes/index.ts'

/** One named value. */
export interface Claim {
  readonly type: string
  readonly value: string | number | boolean
}

/** What appraisal concluded (tiers of AR4SI). */
export type Verdict =
  | { readonly kind: 'affirming'; readonly claims: readonly Claim[] }
  | {
      readonly kind: 'warning'
      readonly claims: readonly Claim[]
      /** Intel's advisories that apply. TCB info of version 2 names none, so it may be empty. */
      readonly advisoryIds: readonly string[]
    }
  | { readonly kind: 'contraindicated'; readonly problems: readonly [Problem, ...Problem[]] }
  | { readonly kind: 'none'; readonly missing: 'endorsements' | 'revocation' | 'reference-values' }
