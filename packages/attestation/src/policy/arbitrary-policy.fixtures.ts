/**
 * Policies, as trees, that a parser could have made.
 *
 * @module
 */

import fc from 'fast-check'
import type {
  Action,
  ClaimProperty,
  Comparison,
  Condition,
  Operand,
  Operator,
  Policy,
  PolicyClaim,
  PolicyVersion,
  Rule,
  SectionName,
} from './policy.ts'
import { sectionNames } from './policy.ts'

const at = '1:1'
const types = fc.constantFrom('a', 'b', 'json')
/** Small, so that comparisons hold often. */
const values = fc.oneof(
  fc.integer({ min: -1, max: 2 }),
  fc.boolean(),
  fc.constantFrom('x', 'y', '', '[1, "x", true]', '{"x": [null]}', '"x"'),
)

export const claimLists: fc.Arbitrary<readonly PolicyClaim[]> = fc.array(
  fc.record({
    type: types,
    value: values,
    issuer: fc.constantFrom('AttestationService', 'CustomClaim'),
  }),
  { maxLength: 5 },
)

/** What one version can print in a string. */
function strings(version: PolicyVersion): fc.Arbitrary<string> {
  const any = fc.oneof(fc.constantFrom('x', 'a'), fc.string({ unit: 'grapheme', maxLength: 12 }))
  return any.filter((text) => !/\n/.test(text) && (version === '1.2' || !/["\\]/.test(text)))
}

function literals(version: PolicyVersion): fc.Arbitrary<Operand> {
  return fc
    .oneof(
      values.filter((value) => version === '1.2' || !String(value).includes('"')),
      strings(version),
      fc.maxSafeInteger(),
    )
    .map((value) => ({ kind: 'literal', value }))
}

function operands(
  version: PolicyVersion,
  names: readonly string[],
  depth = 2,
): fc.Arbitrary<Operand> {
  const reference = fc
    .tuple(fc.constantFrom(...names, ''), fc.constantFrom<ClaimProperty>('value', 'type', 'issuer'))
    .map(([claim, property]): Operand => ({ kind: 'reference', claim, property }))
  const plain =
    names.length === 0
      ? literals(version)
      : fc.oneof(
          literals(version),
          reference.filter((one) => one.kind !== 'reference' || one.claim !== ''),
        )
  if (version !== '1.2' || depth === 0) return plain
  const inner = operands(version, names, depth - 1)
  const call = fc.oneof(
    fc
      .tuple(
        fc.constantFrom('IsSubsetOf', 'AppendString', 'ContainsOnlyValue', 'JmesPath'),
        inner,
        inner,
      )
      .map(
        ([name, first, second]): Operand => ({ kind: 'call', name, parameters: [first, second] }),
      ),
    fc
      .tuple(fc.constantFrom('NegateBool', 'JsonToClaimValue'), inner)
      .map(([name, first]): Operand => ({ kind: 'call', name, parameters: [first] })),
    inner.map(
      (first): Operand => ({
        kind: 'call',
        name: 'JmesPath',
        parameters: [first, { kind: 'literal', value: '[?@ == `1`] | [0]' }],
      }),
    ),
  )
  return fc.oneof({ weight: 3, arbitrary: plain }, { weight: 1, arbitrary: call })
}

function comparisons(version: PolicyVersion, names: readonly string[]): fc.Arbitrary<Comparison> {
  const type = types.map(
    (value): Comparison => ({
      property: 'type',
      operator: '==',
      operand: { kind: 'literal', value },
      at,
    }),
  )
  const value = fc
    .tuple(fc.constantFrom<Operator>('==', '!=', '<', '>='), operands(version, names))
    .map(([operator, operand]): Comparison => {
      const isOrdered = operand.kind !== 'literal' || typeof operand.value === 'number'
      return { property: 'value', operator: isOrdered ? operator : '==', operand, at }
    })
  return fc.oneof(type, value)
}

function conditions(version: PolicyVersion): fc.Arbitrary<readonly Condition[]> {
  const one = (index: number): fc.Arbitrary<Condition> =>
    fc
      .tuple(
        fc.boolean(),
        fc.boolean(),
        fc.array(comparisons(version, namesBefore(index)), { minLength: 1, maxLength: 3 }),
      )
      .map(([isNegated, isNamed, list]): Condition => {
        const negated = isNegated && version === '1.2' && index > 1
        // The first two are always bound: later ones may refer to them.
        return {
          negated,
          name: !negated && (isNamed || index < 2) ? `c${index}` : undefined,
          comparisons: list,
          at,
        }
      })
  return fc
    .nat({ max: 3 })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => one(index))))
}

function namesBefore(index: number): readonly string[] {
  return ['c0', 'c1'].slice(0, index)
}

function actions(
  section: SectionName,
  version: PolicyVersion,
  names: readonly string[],
): fc.Arbitrary<Action> {
  const made = (kind: 'add' | 'issue' | 'issueproperty'): fc.Arbitrary<Action> =>
    fc.tuple(fc.oneof(types, strings(version)), operands(version, names)).map(
      ([type, value]): Action => ({
        kind,
        claim: { type: { kind: 'literal', value: type }, value },
      }),
    )
  const copied = (verb: 'add' | 'issue'): fc.Arbitrary<Action> =>
    fc.constantFrom(...names).map((name): Action => ({ kind: 'copy', verb, name }))
  const copies = names.length === 0 ? [] : [copied('add')]
  switch (section) {
    case 'configurationrules':
      return made('issueproperty')
    case 'authorizationrules':
      return fc.oneof(
        fc.constant<Action>({ kind: 'permit' }),
        fc.constant<Action>({ kind: 'deny' }),
        made('add'),
        ...copies,
      )
    case 'issuancerules':
      return fc.oneof(
        made('add'),
        made('issue'),
        made('issueproperty'),
        ...copies,
        ...(names.length === 0 ? [] : [copied('issue')]),
      )
  }
}

const comments = fc.array(
  fc
    .oneof(fc.constant(''), fc.string({ maxLength: 20 }))
    .map((text) => text.replaceAll('\n', ' ').trim()),
  { maxLength: 2 },
)

export function rules(section: SectionName, version: PolicyVersion = '1.2'): fc.Arbitrary<Rule> {
  return conditions(version).chain((list) =>
    fc
      .tuple(actions(section, version, namesBefore(list.length)), comments)
      .map(
        ([action, texts]): Rule => ({ conditions: list, action, comments: texts, at, offset: 0 }),
      ),
  )
}

/** Without text and places, which printing makes anew. */
export const policies: fc.Arbitrary<Policy> = fc
  .constantFrom<PolicyVersion>('1.0', '1.1', '1.2')
  .chain((version) =>
    fc
      .record({
        configuration: fc.array(rules('configurationrules', version), {
          maxLength: version === '1.0' ? 0 : 2,
        }),
        authorization: fc.array(rules('authorizationrules', version), { maxLength: 3 }),
        issuance: fc.array(rules('issuancerules', version), { maxLength: 3 }),
        head: comments,
        foot: comments,
        ends: fc.tuple(comments, comments, comments),
        befores: fc.tuple(comments, comments, comments),
      })
      .map(({ head, foot, ends, befores, ...sections }): Policy => {
        const section = (name: SectionName) => {
          // Version 1.0 has no such section to put a comment into.
          if (name === 'configurationrules' && version === '1.0') return { before: [], end: [] }
          const index = sectionNames.indexOf(name)
          return { before: befores[index] ?? [], end: ends[index] ?? [] }
        }
        return {
          version,
          ...sections,
          comments: {
            head,
            foot,
            sections: {
              configurationrules: section('configurationrules'),
              authorizationrules: section('authorizationrules'),
              issuancerules: section('issuancerules'),
            },
          },
          deviations: [],
          text: '',
        }
      }),
  )
