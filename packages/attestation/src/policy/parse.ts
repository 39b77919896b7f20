import type { Problem, Result } from '../bytes/index.ts'
import type { Policy, PolicyParseCode } from './policy.ts'

export function parsePolicy(_text: string): Result<Policy, Problem<PolicyParseCode>> {
  throw new Error('in progress')
}
