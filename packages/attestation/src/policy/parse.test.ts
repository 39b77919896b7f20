import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePolicy, policyLimits } from './index.ts'
import { authorizing, parsed } from './policy.fixtures.ts'

describe('limits', () => {
  test.each([
    ['policy-too-long', ' '.repeat(policyLimits.charactersMax + 1)],
    ['policy-too-many-rules', authorizing('=> permit();'.repeat(policyLimits.rulesMax + 1))],
    [
      'policy-too-many-conditions',
      authorizing(
        `${Array(policyLimits.conditionsPerRuleMax + 1)
          .fill('[type=="a"]')
          .join('&&')} => permit();`,
      ),
    ],
  ])('%s', (code, text) => {
    expect(parsePolicy(text)).toMatchObject({ ok: false, problem: { code } })
  })
})

describe('grammar', () => {
  test.each([
    [
      'spaces and comparisons as published',
      'version= 1.0;authorizationrules{[type=="a", value>= 0]=>permit();}',
    ],
    ['a capital in a section name', 'version=1.0;authorizationrules{=>permit();};Issuancerules{};'],
    ['no semicolon after the last rule', 'version=1.0;authorizationrules{=>permit()};'],
    ['a comment', 'version=1.1; // yes\nauthorizationrules{ // no\n=>permit();};'],
  ])('%s is read', (_, text) => {
    expect(parsePolicy(text)).toMatchObject({ ok: true })
  })

  const inAuthorization = 'version=1.0;\nauthorizationrules{\n'

  test.each([
    ['policy-version', '1:9', 'version=1.3; authorizationrules{=>permit();};'],
    ['policy-version', '1:9', 'version=1; authorizationrules{=>permit();};'],
    ['policy-syntax', '1:1', 'authorizationrules{=>permit();};'],
    ['policy-section', '1:14', 'version=1.0; configurationrules{}; authorizationrules{};'],
    ['policy-section', '1:32', 'version=1.0; issuancerules{};  '],
    ['policy-section', '2:1', 'version=1.0; authorizationrules{};\nauthorizationrules{};'],
    ['policy-section', '1:14', 'version=1.0; rules{};'],
    ['policy-action', '3:4', `${inAuthorization}=> issue(type="a", value=1);};`],
    ['policy-action', '1:31', 'version=1.0; issuancerules{=> permit();}; authorizationrules{};'],
    ['policy-unbound', '3:24', `${inAuthorization}=> add(type="a", value=c.value);};`],
    ['policy-unbound', '3:14', `${inAuthorization}=> add(claim=c);};`],
    ['policy-syntax', '3:6', `${inAuthorization}[type="a"]=> permit();};`],
    ['policy-syntax', '3:4', `${inAuthorization}=> ;};`],
    ['policy-syntax', '3:18', `${inAuthorization}[type=="a", value>"b"]=> permit();};`],
    ['policy-syntax', '3:20', `${inAuthorization}[type=="a", value==“b”]=> permit();};`],
    ['policy-syntax', '3:20', `${inAuthorization}[type=="a", value=="\\b"]=> permit();};`],
    ['policy-syntax', '3:12', `${inAuthorization}=>permit() =>deny();};`],
    ['policy-syntax', '3:8', `${inAuthorization}[type==1]=>permit();};`],
    [
      'policy-syntax',
      '3:20',
      `${inAuthorization}[type=="a", value==9007199254740992]=>permit();};`,
    ],
    ['policy-syntax', '3:3', `${inAuthorization}=>`],
    ['policy-syntax', '3:18', `${inAuthorization}c:[type=="a"] && c:[type=="b"]=>permit();};`],
    ['policy-syntax', '3:1', `${inAuthorization}"a`],
  ])('%s at %s', (code, at, text) => {
    expect(parsePolicy(text)).toMatchObject({ ok: false, problem: { code, at } })
  })

  test.each([
    ['3:18', `${inAuthorization}[type=="a", value=1]=> permit();};`, '== expected'],
    ['3:12', `${inAuthorization}[type=="a" value==1]=> permit();};`, '] expected'],
    ['3:4', `${inAuthorization}=> issue(type="a", value=1);};`, 'permit(…) or deny(…) or add(…)'],
    ['3:2', `${inAuthorization}[kind=="a"]=> permit();};`, 'type, value, valueType or issuer'],
    ['3:12', `${inAuthorization}=>permit() =>deny();};`, '; after the rule'],
    ['3:20', `${inAuthorization}[type=="a", value=="11”]=> permit();};`, '“ and ” are other'],
    ['3:9', `${inAuthorization}[type==“a”]=> permit();};`.replace('[', ' ['), 'typographic'],
    ['3:1', `${inAuthorization}`, 'the end of the policy'],
    ['3:12', `${inAuthorization}[type=="a"][type=="b"]=> permit();};`, '=> expected or &&'],
  ])('at %s it is said what was expected', (at, text, expected) => {
    const result = parsePolicy(text)
    expect(result).toMatchObject({ ok: false, problem: { at } })
    expect(result.ok ? '' : result.problem.detail).toContain(expected)
  })

  test('no refusal carries what a string says', () => {
    const result = parsePolicy(`${inAuthorization}"a secret" => permit();};`)
    expect(result.ok ? '' : result.problem.detail).toBe(
      '[ expected where a condition or => begins, and a string found',
    )
  })

  test('a rule knows where it begins', () => {
    const text =
      'version=1.0;\nauthorizationrules {\n\n  [type=="a"]\n   => permit();\n => deny();};'
    const { authorization } = parsed(text)
    expect(authorization.map(({ at, offset }) => [at, text.slice(offset, offset + 2)])).toEqual([
      ['4:3', '[t'],
      ['6:2', '=>'],
    ])
    expect(authorization[0]?.conditions[0]).toMatchObject({
      at: '4:3',
      comparisons: [{ at: '4:4' }],
    })
  })

  test('comments stay with what they are about', () => {
    const { comments, authorization, issuance } = parsed(`// who wrote it
      version=1.2; // and when
      // what lets in
      authorizationrules // all of it
      {
        // first
        => permit(); // first, too
        // second
        [type=="a"] && // because
          [type=="b"] => deny() // yes
        // none follows
      };
      issuancerules { // nothing
      };
      // the end`)
    expect(comments).toEqual({
      head: ['who wrote it'],
      sections: {
        configurationrules: { before: [], end: [] },
        authorizationrules: {
          before: ['and when', 'what lets in', 'all of it'],
          end: ['none follows'],
        },
        issuancerules: { before: [], end: ['nothing'] },
      },
      foot: ['the end'],
    })
    expect(authorization.map((rule) => rule.comments)).toEqual([
      ['first', 'first, too'],
      ['second', 'because', 'yes'],
    ])
    expect(issuance).toEqual([])
  })

  test('what is written otherwise than the grammar has it is noted', () => {
    const deviations = (text: string): readonly string[] =>
      parsed(text).deviations.map(({ at, detail }) => `${at} ${detail}`)
    expect(deviations('version=1.0; AuthorizationRules{=> permit()}')).toEqual([
      '1:14 authorizationrules is written in small letters',
      '1:44 no ; after the last rule of authorizationrules',
      '1:45 no ; after the } of authorizationrules',
    ])
    expect(deviations('version = 1.0;\nauthorizationrules { => permit(); };')).toEqual([])
  })
})

describe('version 1.2', () => {
  const of = (rules: string, version = '1.2'): unknown => {
    const result = parsePolicy(authorizing(rules, version))
    return result.ok ? result.value.authorization : result.problem
  }

  test('a condition may be negated, and has no name then', () => {
    expect(of('![type=="a"] => permit();')).toMatchObject([{ conditions: [{ negated: true }] }])
    expect(of('!c:[type=="a"] => permit();')).toMatchObject({ code: 'policy-syntax', at: '1:34' })
  })

  test('a function takes expressions, calls included', () => {
    expect(
      of('c:[type=="a"] => add(type="b", value=AppendString(c.value, AppendString("x", "y")));'),
    ).toMatchObject([
      {
        action: {
          claim: {
            value: {
              kind: 'call',
              name: 'AppendString',
              parameters: [{ kind: 'reference', claim: 'c' }, { kind: 'call' }],
            },
          },
        },
      },
    ])
    expect(of('[type=="a", value==NegateBool(true)] => permit();')).toMatchObject([{}])
  })

  test.each([
    ['policy-function', '=> add(type="a", value=Negate(true));'],
    ['policy-function', '=> add(type="a", value=constructor(true));'],
    ['policy-function', '=> add(type="a", value=NegateBool());'],
    ['policy-function', '=> add(type="a", value=NegateBool(true, true));'],
    ['policy-function', '=> add(type="a", value=IsSubsetOf(1));'],
    ['policy-function', '=> add(type="a", value=IsSubsetOf(1, 2, 3, 4));'],
    ['policy-function', `=> add(type="a", value=${'NegateBool('.repeat(9)}true${')'.repeat(9)});`],
    ['policy-unbound', '=> add(type="a", value=NegateBool(c.value));'],
    ['policy-syntax', '=> add(type=AppendString("a", "b"), value=1);'],
    ['policy-syntax', '=> add(type="a", value=NegateBool(true);'],
    ['policy-syntax', String.raw`=> add(type="a", value="\n");`],
  ])('%s: %s', (code, rules) => {
    expect(of(rules)).toMatchObject({ code })
  })

  test('calls nest as deep as they may', () => {
    const nested = `${'NegateBool('.repeat(8)}true${')'.repeat(8)}`
    expect(of(`=> add(type="a", value=${nested});`)).toMatchObject([{}])
  })

  test('a backslash escapes a quote and itself', () => {
    expect(of(String.raw`=> add(type="a", value="{\"b\": \"\\c\"}");`)).toMatchObject([
      { action: { claim: { value: { value: String.raw`{"b": "\c"}` } } } },
    ])
  })

  test.each([
    ['policy-version', '![type=="a"] => permit();'],
    ['policy-version', '=> add(type="a", value=NegateBool(true));'],
    ['policy-syntax', String.raw`=> add(type="a", value="\"");`],
  ])('what came with it is refused before it: %s', (code, rules) => {
    expect(of(rules, '1.1')).toMatchObject({ code })
    expect(of(rules, '1.0')).toMatchObject({ code })
    expect(of(rules)).toMatchObject([{}])
  })
})

test('no text makes the parser throw', () => {
  const fragment = fc.constantFrom(
    ...'version = 1.0 1.1 1.2 ; authorizationrules issuancerules { } [ ] ( ) ! => && == != < >= type value c : . , "a" "\\" true 7 permit deny issue add claim JmesPath // \n'.split(
      ' ',
    ),
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(fragment, fc.string()), { maxLength: 60 }), (parts) => {
      parsePolicy(parts.join(' '))
      parsePolicy(`version=1.2; authorizationrules{ ${parts.join(' ')}`)
    }),
  )
})
