/** What a policy may be at most. */
export const policyLimits = {
  /** UTF-16 code units of policy text. */
  charactersMax: 65_536,
  rulesMax: 256,
  conditionsPerRuleMax: 16,
  comparisonsPerConditionMax: 8,
  /** Characters of one string literal or name. */
  literalCharactersMax: 4096,
  /** Claims in play while evaluating: incoming and added. */
  claimsMax: 1024,
  /** What {@link evaluatePolicy} may be given as `stepsMax` when a caller has no reason to differ. */
  stepsMax: 100_000,
} as const
