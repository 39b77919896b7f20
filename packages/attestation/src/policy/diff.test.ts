import fc from 'fast-check'
import { expect, test } from 'vitest'
import { policies } from './arbitrary-policy.fixtures.ts'
import { diffPolicies, isSamePolicy, type PolicyDiff, parsePolicy, printPolicy } from './index.ts'
import { authorizing, limits, parsed, permitting, sgx } from './policy.fixtures.ts'

const before = permitting(
  'c:[type=="x-ms-sgx-svn"] => issue(type="svn", value=c.value); => issue(type="level", value=1);',
)

function diff(left: string, right: string): PolicyDiff {
  return diffPolicies(
    parsed(left),
    parsed(right),
    [
      { name: 'good', claims: sgx() },
      { name: 'debug', claims: sgx({ 'x-ms-sgx-is-debuggable': true }) },
    ],
    limits,
  )
}

test('a policy differs from itself in nothing, and from its printed self neither', () => {
  expect(isSamePolicy(diff(before, before))).toBe(true)
  expect(diff(before, `// why\n${printPolicy(parsed(before))}`)).toEqual({
    sections: [],
    decisions: [],
  })
})

test('rules are added, removed and changed', () => {
  const after = permitting(
    '=> issue(type="level", value=2); c:[type=="x-ms-sgx-mrsigner"] => issue(type="vendor", value=c.value);',
  )
  expect(diff(before, after)).toEqual({
    sections: [
      {
        section: 'issuancerules',
        added: [
          {
            at: '1:95',
            text: 'c:[type=="x-ms-sgx-mrsigner"] => issue(type="vendor", value=c.value)',
          },
        ],
        removed: [
          { at: '1:62', text: 'c:[type=="x-ms-sgx-svn"] => issue(type="svn", value=c.value)' },
        ],
        changed: [
          {
            before: { at: '1:124', text: '=> issue(type="level", value=1)' },
            after: { at: '1:62', text: '=> issue(type="level", value=2)' },
          },
        ],
        reordered: false,
      },
    ],
    decisions: ['good', 'debug'].map((name) => ({
      name,
      before: 'permitted',
      after: 'permitted',
      issuedAdded: [
        { type: 'level', value: 2 },
        { type: 'vendor', value: 'bb' },
      ],
      issuedRemoved: [
        { type: 'svn', value: 2 },
        { type: 'level', value: 1 },
      ],
    })),
  })
})

test('a decision that changes is told by the name of its claims', () => {
  const after = authorizing('[type=="x-ms-sgx-is-debuggable", value==false] => permit();')
  expect(diff(authorizing('=> permit();'), after).decisions).toEqual([
    {
      name: 'debug',
      before: 'permitted',
      after: 'not-permitted',
      issuedAdded: [],
      issuedRemoved: [],
    },
  ])
})

test('another version and another order are differences', () => {
  expect(diff(authorizing('=> permit();'), authorizing('=> permit();', '1.1'))).toMatchObject({
    version: { before: '1.0', after: '1.1' },
    sections: [],
  })
  const [first, second] = ['=> add(type="a", value=1);', '[type=="a"] => permit();']
  const reordered = diff(authorizing(first + second), authorizing(second + first))
  expect(reordered.sections).toMatchObject([
    { added: [], removed: [], changed: [], reordered: true },
  ])
  expect(reordered.decisions).toMatchObject([{ after: 'not-permitted' }, {}])
})

test('the same rule once more is one more', () => {
  expect(diff(authorizing('=> permit();'), authorizing('=> permit(); => permit();'))).toMatchObject(
    {
      sections: [{ added: [{ text: '=> permit()' }], removed: [], changed: [] }],
    },
  )
})

test('every policy is the same as what parsing its print gives', () => {
  fc.assert(
    fc.property(policies, policies, (left, right) => {
      const again = parsePolicy(printPolicy(left))
      if (!again.ok) throw new Error(again.problem.detail)
      expect(isSamePolicy(diffPolicies(left, again.value, [], limits))).toBe(true)
      const there = diffPolicies(left, right, [], limits)
      const back = diffPolicies(right, left, [], limits)
      const texts = ({ sections }: PolicyDiff, side: 'added' | 'removed'): readonly string[] =>
        sections.flatMap((section) => section[side].map(({ text }) => text)).sort()
      expect(isSamePolicy(there)).toBe(isSamePolicy(back))
      expect(texts(there, 'added').length).toBe(texts(back, 'removed').length)
    }),
  )
})
