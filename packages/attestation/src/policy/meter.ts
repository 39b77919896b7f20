import type { Problem } from '../bytes/index.ts'
import { policyLimits } from './limits.ts'
import type { PolicyEvaluationCode } from './policy.ts'

/** Counts the work of one evaluation, and ends it. */
export interface Meter {
  /** Takes so many steps; fails with `policy-steps` when none are left. */
  step(count?: number): void
  /** Takes a step for so many characters; fails with `policy-value-too-long` for text that no claim may hold. */
  read(characters: number): void
  fail(code: PolicyEvaluationCode, detail: string): never
  /** What is worked on, named in a failure. */
  at: string
}

export function createMeter(stepsMax: number): Meter {
  let steps = 0
  const meter: Meter = {
    at: '1:1',
    step: (count = 1) => {
      steps += count
      if (steps > stepsMax) meter.fail('policy-steps', `more than ${stepsMax} steps`)
    },
    read: (characters) => {
      if (characters > policyLimits.valueCharactersMax) {
        const detail = `more than ${policyLimits.valueCharactersMax} characters in a value`
        meter.fail('policy-value-too-long', detail)
      }
      meter.step(1 + Math.floor(characters / policyLimits.charactersPerStep))
    },
    fail: (code, detail) => {
      throw new Refused({ code, at: meter.at, detail })
    },
  }
  return meter
}

/** Leaves {@link Meter.fail}, is caught where an evaluation begins, and is seen by nobody else. */
export class Refused extends Error {
  readonly problem: Problem<PolicyEvaluationCode>
  constructor(problem: Problem<PolicyEvaluationCode>) {
    super(problem.detail)
    this.problem = problem
  }
}
