import type { Result, UnixSeconds } from '../bytes/index.ts'
import type { TcbStatus } from '../endorsements/index.ts'
import type {
  SgxEvidence,
  TdxEvidence,
  VerificationProblem,
  Verified,
} from '../verification/index.ts'
import { type AppraisalContext, appraise } from './appraise.ts'
import type { ReferenceValues } from './reference-values.ts'
import type { Verdict } from './verdict.ts'

type Outcome = Result<Verified<SgxEvidence | TdxEvidence>, VerificationProblem>

/** What one set of endorsements says of a platform. */
export type ForecastSide =
  | {
      readonly kind: 'verified'
      readonly tcbStatus: TcbStatus
      /** When Intel set the level that `tcbStatus` comes of. */
      readonly tcbDate: UnixSeconds
      readonly tcbEvaluationDataNumber: number
      readonly tcbInfoIssueDate: UnixSeconds
      readonly tcbInfoNextUpdate: UnixSeconds
      readonly advisoryIds: readonly string[]
      /** When the first of the endorsements runs out. */
      readonly expires: UnixSeconds
      /** With Reference Values: what they make of it. */
      readonly verdict: Verdict | undefined
    }
  | { readonly kind: 'refused'; readonly problem: VerificationProblem }

/** What will change when Intel's early endorsements become everybody's. */
export interface TcbForecast {
  readonly today: ForecastSide
  readonly early: ForecastSide
  readonly changes: boolean
  readonly advisoriesAdded: readonly string[]
  readonly advisoriesRemoved: readonly string[]
  /**
   * How long today's answer can stand: until today's endorsements run out. Those fetched after that, or sooner, may be
   * of the early evaluation; Intel's documents do not say when they will be. `undefined`: today's are refused, or
   * nothing changes.
   */
  readonly todayStandsUntil: UnixSeconds | undefined
}

/** With what both sides are appraised. */
export interface ForecastExpectations extends AppraisalContext {
  readonly referenceValues: ReferenceValues
}

/**
 * Compares what the same evidence is worth with today's endorsements and with Intel's early ones.
 *
 * @param today - the evidence verified with today's; a refusal is part of the answer.
 * @param early - the evidence verified with the early ones.
 */
export function forecastTcb(
  today: Outcome,
  early: Outcome,
  expectations?: ForecastExpectations,
): TcbForecast {
  const sides = { today: sideOf(today, expectations), early: sideOf(early, expectations) }
  const before = advisoriesOf(sides.today)
  const after = advisoriesOf(sides.early)
  const advisoriesAdded = after.filter((id) => !before.includes(id))
  const advisoriesRemoved = before.filter((id) => !after.includes(id))
  const changes =
    statusOf(sides.today) !== statusOf(sides.early) ||
    advisoriesAdded.length > 0 ||
    advisoriesRemoved.length > 0
  return {
    ...sides,
    changes,
    advisoriesAdded,
    advisoriesRemoved,
    todayStandsUntil: changes && sides.today.kind === 'verified' ? sides.today.expires : undefined,
  }
}

function sideOf(outcome: Outcome, expectations: ForecastExpectations | undefined): ForecastSide {
  if (!outcome.ok) return { kind: 'refused', problem: outcome.problem }
  const evidence = outcome.value
  return {
    kind: 'verified',
    tcbStatus: evidence.tcbStatus,
    tcbDate: evidence.tcbDate,
    tcbEvaluationDataNumber: evidence.tcbEvaluationDataNumber,
    tcbInfoIssueDate: evidence.tcbInfoIssueDate,
    tcbInfoNextUpdate: evidence.tcbInfoNextUpdate,
    advisoryIds: evidence.advisoryIds,
    expires: evidence.earliestExpiry,
    verdict: expectations && appraise(evidence, expectations.referenceValues, expectations),
  }
}

function advisoriesOf(side: ForecastSide): readonly string[] {
  return side.kind === 'verified' ? side.advisoryIds : []
}

function statusOf(side: ForecastSide): string {
  return side.kind === 'verified' ? side.tcbStatus : side.problem.code
}
