/** What a policy may be at most. */
export const policyLimits = {
  /** UTF-16 code units of policy text. */
  charactersMax: 65_536,
  rulesMax: 256,
  conditionsPerRuleMax: 16,
  comparisonsPerConditionMax: 8,
  /** Characters of one string literal or name. */
  literalCharactersMax: 4096,
  /** Calls inside calls. */
  callDepthMax: 8,
  /** Claims in play while evaluating: incoming and added. */
  claimsMax: 1024,
  /** Characters of a claim's text that a function reads or makes. */
  valueCharactersMax: 1_048_576,
  /** Characters of the types and values of all issued claims: copies cost nothing, and a token holds each twice. */
  issuedCharactersMax: 65_536,
  /** Nested arrays and objects of JSON that a function reads. */
  jsonDepthMax: 32,
  /** Characters of a JMESPath query, and how deep its expressions nest. */
  queryCharactersMax: 4096,
  queryDepthMax: 128,
  /** Characters of a query that one step parses. */
  queryCharactersPerStep: 4,
  /** Characters of text that one step reads, compares or makes. */
  charactersPerStep: 64,
  /** What {@link evaluatePolicy} may be given as `stepsMax` when a caller has no reason to differ. */
  stepsMax: 50_000,
  /** Characters of a value that an explanation shows, and claims that it names for one condition. */
  shownCharactersMax: 128,
  shownClaimsMax: 16,
} as const
