/**
 * The shape of a parsed attestation policy, and what evaluating one may answer.
 *
 * @module
 */

import type { Problem } from '../bytes/index.ts'
import type { Claim } from '../claims/index.ts'

/** A value a rule can compare or issue. Integers are safe integers. */
export type PolicyValue = string | number | boolean

/** The properties of a claim that a condition can name. */
export type ClaimProperty = 'type' | 'value' | 'valueType' | 'issuer'

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>='

/** A function of version 1.2. */
export type FunctionName =
  | 'JmesPath'
  | 'JsonToClaimValue'
  | 'IsSubsetOf'
  | 'AppendString'
  | 'NegateBool'
  | 'ContainsOnlyValue'

/** A property of a claim that an earlier condition bound: `c.value`. */
export interface Reference {
  readonly kind: 'reference'
  readonly claim: string
  readonly property: ClaimProperty
}

/** `JmesPath(c.value, "a.b")`. */
export interface Call {
  readonly kind: 'call'
  readonly name: FunctionName
  readonly parameters: readonly Operand[]
}

export type Operand = { readonly kind: 'literal'; readonly value: PolicyValue } | Reference | Call

/** One `property operator operand` of a condition. */
export interface Comparison {
  readonly property: ClaimProperty
  readonly operator: Operator
  readonly operand: Operand
  /** `line:col` of the property. */
  readonly at: string
}

/** `name:[ comparison, … ]`. It holds when some claim satisfies every comparison; negated, when none does. */
export interface Condition {
  readonly negated: boolean
  readonly name: string | undefined
  readonly comparisons: readonly Comparison[]
  /** `line:col` of its first token. */
  readonly at: string
}

export type Action =
  | { readonly kind: 'permit' }
  | { readonly kind: 'deny' }
  | { readonly kind: 'add' | 'issue' | 'issueproperty'; readonly claim: ClaimTemplate }
  | { readonly kind: 'copy'; readonly verb: 'add' | 'issue'; readonly name: string }

/** The claim that `add`, `issue` and `issueproperty` make. */
export interface ClaimTemplate {
  /** Never a call. */
  readonly type: Operand
  readonly value: Operand
}

export interface Rule {
  readonly conditions: readonly Condition[]
  readonly action: Action
  /** Lines of the comments that belong to it, without their slashes. */
  readonly comments: readonly string[]
  /** `line:col` of the rule's first token. */
  readonly at: string
  /** Where in the text that token is, in UTF-16 units. */
  readonly offset: number
}

export type PolicyVersion = '1.0' | '1.1' | '1.2'

export type SectionName = 'configurationrules' | 'authorizationrules' | 'issuancerules'

/** In the order in which they are printed. */
export const sectionNames: readonly SectionName[] = [
  'configurationrules',
  'authorizationrules',
  'issuancerules',
]

/** The comments that belong to no rule. */
export interface PolicyComments {
  /** Before the version. */
  readonly head: readonly string[]
  /** Before the name of a section, and after its last rule. */
  readonly sections: Readonly<Record<SectionName, SectionComments>>
  /** After the last section. */
  readonly foot: readonly string[]
}

export interface SectionComments {
  readonly before: readonly string[]
  readonly end: readonly string[]
}

/** Where a policy is not written as the grammar has it, and is read all the same. */
export interface Deviation {
  readonly at: string
  readonly detail: string
}

/** A policy, parsed and within its limits. */
export interface Policy {
  readonly version: PolicyVersion
  readonly configuration: readonly Rule[]
  readonly authorization: readonly Rule[]
  readonly issuance: readonly Rule[]
  readonly comments: PolicyComments
  readonly deviations: readonly Deviation[]
  /** The text exactly as it was given; {@link policyHashOf} hashes this. */
  readonly text: string
}

export function rulesOf(policy: Policy, section: SectionName): readonly Rule[] {
  switch (section) {
    case 'configurationrules':
      return policy.configuration
    case 'authorizationrules':
      return policy.authorization
    case 'issuancerules':
      return policy.issuance
  }
}

/** Who made a claim, as Azure names them. */
export type ClaimIssuer = 'AttestationService' | 'AttestationPolicy' | 'CustomClaim'

/** A claim as a rule sees it. What is no text, integer or boolean is text that holds JSON. */
export interface PolicyClaim extends Claim {
  /** Absent means `AttestationService`. */
  readonly issuer?: ClaimIssuer
}

export type PolicyParseCode =
  | 'policy-too-long'
  | 'policy-too-many-rules'
  | 'policy-too-many-conditions'
  | 'policy-syntax'
  | 'policy-version'
  | 'policy-section'
  | 'policy-action'
  | 'policy-unbound'
  | 'policy-function'

export type PolicyEvaluationCode =
  | 'denied'
  | 'not-permitted'
  | 'policy-steps'
  | 'policy-type-mismatch'
  | 'policy-too-many-claims'
  | 'policy-argument'
  | 'policy-query'
  | 'policy-value-too-long'
  | 'policy-configuration'

export type PolicyCode = PolicyParseCode | PolicyEvaluationCode

/** Why a policy was refused, or why it refused. `at` is `line:col`. */
export type PolicyProblem = Problem<PolicyCode>
