import fc from 'fast-check'
import { expect, test } from 'vitest'
import { policies } from './arbitrary-policy.fixtures.ts'
import { type Policy, printPolicy } from './index.ts'
import { parsed } from './policy.fixtures.ts'

test('a policy is printed one way, and its comments stay', () => {
  const text = `//head
version= 1.2;issuancerules{c :[ type=="a" ]=>issue( claim = c )};// late
AuthorizationRules{ [type=="a",value>= 0]&&![type == "b"] // why
=>permit(); => add(type="t", value=JmesPath("{\\"a\\": 1}","a"))}`
  expect(printPolicy(parsed(text))).toBe(`// head
version=1.2;

// late
authorizationrules {
  // why
  [type=="a", value>=0] &&
  ![type=="b"] => permit();
  => add(type="t", value=JmesPath("{\\"a\\": 1}", "a"));
};

issuancerules {
  c:[type=="a"] => issue(claim=c);
};
`)
})

test('an empty section is left out, unless something is said in it', () => {
  expect(printPolicy(parsed('version=1.1; authorizationrules{}; issuancerules{}; '))).toBe(
    'version=1.1;\n\nauthorizationrules {\n};\n',
  )
  expect(
    printPolicy(parsed('version=1.1; authorizationrules{}; issuancerules{ // none\n};')),
  ).toContain('issuancerules {\n  // none\n};')
})

test('parsing what was printed gives the same policy, and printing that the same text', () => {
  fc.assert(
    fc.property(policies, (policy) => {
      const text = printPolicy(policy)
      const again = parsed(text)
      expect(withoutPlaces(again)).toEqual(withoutPlaces(policy))
      expect(printPolicy(again)).toBe(text)
    }),
    { numRuns: 1000 },
  )
})

function withoutPlaces(policy: Policy): unknown {
  return JSON.parse(
    JSON.stringify({ ...policy, text: '' }, (name, value: unknown) =>
      name === 'at' || name === 'offset' ? undefined : value,
    ),
  )
}
