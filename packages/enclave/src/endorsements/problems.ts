/** Why there is no endorsement. */
export type SourceCode =
  /** Nobody answers, or not in time, or with a failure of its own. May be retried. */
  | 'endorsements-unavailable'
  /** The endorser, or our own limit for it, wants longer to be waited than is waited here. May be retried. */
  | 'endorsements-rate-limited'
  /** Something else came than was asked for. */
  | 'endorsements-malformed'
  /** What there is has run out. */
  | 'endorsements-expired'
  /** This source does not hold it, and asks nobody. */
  | 'endorsements-missing'
  /** The endorser does not know the platform. */
  | 'platform-unknown'
  /** The endorser gave up this TCB evaluation data number. */
  | 'evaluation-withdrawn'

/** Whether the same question may be answered another time: it is the world that fails, not the evidence. */
export function mayBeRetried(code: string): boolean {
  return retried.has(code)
}

const retried: ReadonlySet<string> = new Set<SourceCode>([
  'endorsements-unavailable',
  'endorsements-rate-limited',
  'endorsements-malformed',
  'endorsements-expired',
])
