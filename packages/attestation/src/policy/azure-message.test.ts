import { expect, test } from 'vitest'
import { azureMessageOf, evaluatePolicy, parsePolicy } from './index.ts'
import { authorizing, limits, permitting } from './policy.fixtures.ts'

function message(text: string): string {
  const policy = parsePolicy(text)
  if (!policy.ok) return azureMessageOf(policy.problem)
  const result = evaluatePolicy(policy.value, [], limits)
  return result.ok ? '' : azureMessageOf(result.problem)
}

test('what Azure’s clients know is said in Azure’s words', () => {
  expect(message(authorizing('=> permit(); => deny();'))).toBe(
    'Policy Engine Exception: A Deny claim was issued, authorization failed.',
  )
  expect(message(authorizing(''))).toBe(
    'Policy Engine Exception: No Permit claim was issued in the authorizationrules section, authorization failed.',
  )
})

test('what fails otherwise is said with its place', () => {
  expect(message('version=1.0;\n[type=="a"]')).toMatch(
    /^Policy Parser Exception Thrown: Line: '2', Column: '1' Failure message: '/,
  )
  expect(message(permitting('=> issue(type="a", value=NegateBool("x"));', '1.2'))).toBe(
    'Policy Engine Exception: NegateBool: true or false expected as an argument (1:62).',
  )
})
