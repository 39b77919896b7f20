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

/** A literal, or a property of a claim that an earlier condition bound (`c.value`). */
export type Operand =
  | { readonly kind: 'literal'; readonly value: PolicyValue }
  | {
      readonly kind: 'reference'
      readonly claim: string
      readonly property: ClaimProperty
    }

/** One `property operator operand` of a condition. */
export interface Comparison {
  readonly property: ClaimProperty
  readonly operator: Operator
  readonly operand: Operand
}

/** `name:[ comparison, … ]`. It holds when some claim satisfies every comparison. */
export interface Condition {
  readonly name: string | undefined
  readonly comparisons: readonly Comparison[]
}

export type Action =
  | { readonly kind: 'permit' }
  | { readonly kind: 'deny' }
  | { readonly kind: 'add' | 'issue' | 'issueproperty'; readonly claim: ClaimTemplate }
  | { readonly kind: 'copy'; readonly verb: 'add' | 'issue'; readonly name: string }

/** The claim that `add`, `issue` and `issueproperty` make. */
export interface ClaimTemplate {
  readonly type: Operand
  readonly value: Operand
}

export interface Rule {
  readonly conditions: readonly Condition[]
  readonly action: Action
  /** `line:col` of the rule's first token. */
  readonly at: string
}

/** A policy of version 1.0 or 1.1, parsed and within its limits. */
export interface Policy {
  readonly version: '1.0' | '1.1'
  readonly configuration: readonly Rule[]
  readonly authorization: readonly Rule[]
  readonly issuance: readonly Rule[]
  /** The text exactly as it was given; {@link policyHashOf} hashes this. */
  readonly text: string
}

/** Who made a claim, as Azure names them. */
export type ClaimIssuer = 'AttestationService' | 'AttestationPolicy' | 'CustomClaim'

/** A claim as a rule sees it. */
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

export type PolicyEvaluationCode =
  | 'denied'
  | 'not-permitted'
  | 'policy-steps'
  | 'policy-type-mismatch'
  | 'policy-too-many-claims'

export type PolicyCode = PolicyParseCode | PolicyEvaluationCode

/** Why a policy was refused, or why it refused. `at` is `line:col`. */
export type PolicyProblem = Problem<PolicyCode>
