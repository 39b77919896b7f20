import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  configurationOf,
  defaultPolicy,
  developmentPolicy,
  evaluatePolicy,
  type Policy,
  type PolicyClaim,
  parsePolicy,
  policyHashOf,
  policyLimits,
} from './index.ts'

const stepsMax = policyLimits.stepsMax

function parsed(text: string): Policy {
  const policy = parsePolicy(text)
  if (!policy.ok) throw new Error(`${policy.problem.code} at ${policy.problem.at}`)
  return policy.value
}

function outcome(text: string, claims: readonly PolicyClaim[] = []): unknown {
  const result = evaluatePolicy(parsed(text), claims, { stepsMax })
  return result.ok ? result.value : result.problem.code
}

const permitting = (issuance: string): string =>
  `version=1.0; authorizationrules{=> permit();}; issuancerules{${issuance}};`
const authorizing = (rules: string): string => `version=1.0; authorizationrules{${rules}};`

const sgx = (changes: Readonly<Record<string, string | number | boolean>> = {}): PolicyClaim[] =>
  Object.entries({
    'x-ms-attestation-type': 'sgx',
    'x-ms-sgx-is-debuggable': false,
    'x-ms-sgx-mrenclave': 'aa',
    'x-ms-sgx-mrsigner': 'bb',
    'x-ms-sgx-product-id': 1,
    'x-ms-sgx-svn': 2,
    'x-sealward-simulated': false,
    ...changes,
  }).map(([type, value]) => ({ type, value }))

describe('authorization', () => {
  test('a policy without a permit refuses', () => {
    expect(outcome(authorizing(''))).toBe('not-permitted')
  })

  test('a permit lets in', () => {
    expect(outcome(authorizing('=> permit();'))).toEqual([])
  })

  test('one deny defeats every permit, before it and after it', () => {
    expect(outcome(authorizing('=> permit(); => deny();'))).toBe('denied')
    expect(outcome(authorizing('=> deny(); => permit();'))).toBe('denied')
  })

  test('a deny whose condition fails does nothing', () => {
    expect(outcome(authorizing('=> permit(); [type=="a"] => deny();'))).toEqual([])
  })

  test('all conditions of a rule must hold', () => {
    const text = authorizing('[type=="a", value==1] && [type=="b", value==2] => permit();')
    const a = { type: 'a', value: 1 }
    expect(outcome(text, [a])).toBe('not-permitted')
    expect(outcome(text, [a, { type: 'b', value: 3 }])).toBe('not-permitted')
    expect(outcome(text, [a, { type: 'b', value: 2 }])).toEqual([])
  })

  test('all comparisons of a condition must hold for one and the same claim', () => {
    const text = authorizing('[type=="a", value==2] => permit();')
    const claims = [
      { type: 'a', value: 1 },
      { type: 'b', value: 2 },
    ]
    expect(outcome(text, claims)).toBe('not-permitted')
  })

  test('integers have an order', () => {
    const claims = [{ type: 'svn', value: 3 }]
    const lets = (comparison: string): boolean =>
      Array.isArray(outcome(authorizing(`[type=="svn", value${comparison}] => permit();`), claims))
    expect(['==3', '!=2', '<4', '<=3', '>2', '>=3', '>= -1'].map(lets)).not.toContain(false)
    expect(['==2', '!=3', '<3', '<=2', '>3', '>=4'].map(lets)).not.toContain(true)
  })

  test('a text is not the boolean or the integer that it spells', () => {
    const debug = authorizing('[type=="debug", value==false] => permit();')
    expect(outcome(debug, [{ type: 'debug', value: 'false' }])).toBe('policy-type-mismatch')
    const denies = authorizing('=> permit(); [type=="svn", value<5] => deny();')
    expect(outcome(denies, [{ type: 'svn', value: '3' }])).toBe('policy-type-mismatch')
  })

  test('the issuer tells apart what the client said from what the evidence says', () => {
    const text = authorizing('[type=="a", issuer=="AttestationService"] => permit();')
    expect(outcome(text, [{ type: 'a', value: 1, issuer: 'CustomClaim' }])).toBe('not-permitted')
    expect(outcome(text, [{ type: 'a', value: 1 }])).toEqual([])
  })

  test('what a rule adds is seen by later rules, as the policy’s own', () => {
    const text = authorizing(
      '=> add(type="a", value=1); [type=="a", issuer=="AttestationPolicy"] => permit();',
    )
    expect(outcome(text)).toEqual([])
    const earlier = authorizing('[type=="a"] => permit(); => add(type="a", value=1);')
    expect(outcome(earlier)).toBe('not-permitted')
  })

  test('a later condition may compare with an earlier one’s claim', () => {
    const text = authorizing('c:[type=="a"] && [type=="b", value==c.value] => permit();')
    const claims = (b: number): PolicyClaim[] => [
      { type: 'a', value: 1 },
      { type: 'a', value: 2 },
      { type: 'b', value: b },
    ]
    expect(outcome(text, claims(2))).toEqual([])
    expect(outcome(text, claims(3))).toBe('not-permitted')
  })
})

describe('issuance', () => {
  test('issue makes a claim with a literal or a bound value', () => {
    const text = permitting(
      '=> issue(type="level", value=100); c:[type=="a"] => issue(type="b", value=c.value);',
    )
    expect(outcome(text, [{ type: 'a', value: 'x' }])).toEqual([
      { type: 'level', value: 100 },
      { type: 'b', value: 'x' },
    ])
  })

  test('issue(claim=c) copies', () => {
    expect(
      outcome(permitting('c:[type=="a"] => issue(claim=c);'), [{ type: 'a', value: 7 }]),
    ).toEqual([{ type: 'a', value: 7 }])
  })

  test('a rule fires once for each claim its action’s name can stand for, and only once without one', () => {
    const claims = [
      { type: 'a', value: 1 },
      { type: 'a', value: 2 },
    ]
    expect(outcome(permitting('c:[type=="a"] => issue(type="b", value=c.value);'), claims)).toEqual(
      [
        { type: 'b', value: 1 },
        { type: 'b', value: 2 },
      ],
    )
    expect(outcome(permitting('c:[type=="a"] => issue(type="b", value=true);'), claims)).toEqual([
      { type: 'b', value: true },
    ])
  })

  test('add is not issued, and is seen by later issuance rules', () => {
    const text = permitting(
      '=> add(type="a", value=1); c:[type=="a"] => issue(type="b", value=c.value);',
    )
    expect(outcome(text)).toEqual([{ type: 'b', value: 1 }])
  })

  test('nothing is issued by a policy that refuses', () => {
    const text = 'version=1.0; authorizationrules{}; issuancerules{=> issue(type="a", value=1);};'
    expect(outcome(text)).toBe('not-permitted')
  })

  test('configuration rules set properties', () => {
    expect(configurationOf(parsed(defaultPolicy), { stepsMax })).toEqual({
      ok: true,
      value: [{ type: 'x-ms-sgx-tcbidentifier', value: 'azuredefault' }],
    })
  })
})

describe('limits', () => {
  test('evaluation ends at its step limit', () => {
    const many = Array.from({ length: 40 }, (_, value) => ({ type: 'a', value }))
    const text = authorizing(
      `${Array(12).fill('[type=="a"]').join('&&')} && [type=="z"]=> permit();`,
    )
    const result = evaluatePolicy(parsed(text), many, { stepsMax: 10_000 })
    expect(result).toMatchObject({ ok: false, problem: { code: 'policy-steps', at: '1:33' } })
  })

  test('a rule whose action names no claim looks no further than the first way to fire', () => {
    const many = Array.from({ length: 100 }, () => ({ type: 'a', value: 1 }))
    const text = authorizing('[type=="a"] && [type=="a"] && [type=="a"] => permit();')
    expect(evaluatePolicy(parsed(text), many, { stepsMax: 10 })).toMatchObject({ ok: true })
  })

  test('a claim too many is refused, the last that fits is not', () => {
    const claims = (count: number): PolicyClaim[] =>
      Array.from({ length: count }, (_, value) => ({ type: 'a', value }))
    const text = permitting('=> issue(type="b", value=1);')
    expect(outcome(text, claims(policyLimits.claimsMax - 1))).toEqual([{ type: 'b', value: 1 }])
    expect(outcome(text, claims(policyLimits.claimsMax))).toBe('policy-too-many-claims')
  })

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
    ['policy-version', '1:9', 'version=1.2; authorizationrules{=>permit();};'],
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

  test('a refusal names its line and column', () => {
    const text = 'version=1.0;\nauthorizationrules{\n  [type=="a"] => allow();\n};'
    expect(parsePolicy(text)).toMatchObject({
      ok: false,
      problem: { code: 'policy-action', at: '3:18' },
    })
  })

  test('no text makes the parser throw', () => {
    const fragment = fc.constantFrom(
      ...'version = 1.0 1.1 ; authorizationrules issuancerules { } [ ] ( ) => && == != < >= type value c : . , "a" true 7 permit deny issue add claim'.split(
        ' ',
      ),
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(fragment, fc.string()), { maxLength: 60 }), (parts) => {
        parsePolicy(parts.join(' '))
        parsePolicy(`version=1.0; authorizationrules{ ${parts.join(' ')}`)
      }),
    )
  })

  test('evaluation ends and never throws', () => {
    const value = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.boolean(), fc.constantFrom('x', 'y'))
    const claim = fc.record({ type: fc.constantFrom('a', 'b'), value })
    const literal = value.map((one) => JSON.stringify(one))
    const condition = fc
      .tuple(fc.constantFrom('a', 'b'), fc.constantFrom('==', '!='), literal)
      .map(([type, operator, right]) => `[type=="${type}", value${operator}${right}]`)
    const rule = fc
      .tuple(fc.array(condition, { maxLength: 3 }), fc.constantFrom('permit()', 'deny()'))
      .map(([conditions, action]) => `${conditions.join('&&')} => ${action};`)
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 4 }),
        fc.array(claim, { maxLength: 4 }),
        (rules, claims) => {
          const before = evaluatePolicy(parsed(authorizing(rules.join(''))), claims, { stepsMax })
          const after = evaluatePolicy(
            parsed(authorizing(`${rules.join('')} => deny();`)),
            claims,
            {
              stepsMax,
            },
          )
          // Adding a reason to refuse never lets in.
          expect(after.ok).toBe(false)
          if (!before.ok) expect(before.problem.code).not.toBe('policy-steps')
        },
      ),
    )
  })
})

describe('the policies that instances start with', () => {
  const aliases = [
    { type: 'is-debuggable', value: false },
    { type: 'sgx-mrsigner', value: 'bb' },
    { type: 'sgx-mrenclave', value: 'aa' },
    { type: 'product-id', value: 1 },
    { type: 'svn', value: 2 },
    { type: 'tee', value: 'sgx' },
  ]

  test('the default lets in evidence of silicon and issues the deprecated aliases', () => {
    expect(outcome(defaultPolicy, sgx())).toEqual(aliases)
  })

  test('the default refuses simulated evidence', () => {
    expect(outcome(defaultPolicy, sgx({ 'x-sealward-simulated': true }))).toBe('not-permitted')
  })

  test('the default refuses evidence that does not say whether it is simulated', () => {
    const silent = sgx().filter(({ type }) => type !== 'x-sealward-simulated')
    expect(outcome(defaultPolicy, silent)).toBe('not-permitted')
  })

  test('the default refuses a claim about simulation that the client made', () => {
    const claims = sgx({ 'x-sealward-simulated': true })
    const own: PolicyClaim = { type: 'x-sealward-simulated', value: false, issuer: 'CustomClaim' }
    expect(outcome(defaultPolicy, [...claims, own])).toBe('not-permitted')
  })

  test('the development policy lets in simulated evidence', () => {
    expect(outcome(developmentPolicy, sgx({ 'x-sealward-simulated': true }))).toEqual(aliases)
  })

  test.each([
    ['default', defaultPolicy],
    ['development', developmentPolicy],
  ])('the %s policy refuses a debug enclave', (_, text) => {
    expect(outcome(text, sgx({ 'x-ms-sgx-is-debuggable': true }))).toBe('not-permitted')
  })
})

const shared = process.env['SEALWARD_SHARED'] ?? join(import.meta.dirname, '../../../../../shared')
const folder = join(shared, 'vectors/policy')

interface PublishedPolicy {
  readonly file: string
  readonly version: string
  readonly expected: 'valid' | 'invalid' | 'unclear'
}

describe.runIf(existsSync(folder))('published policies', () => {
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
  const all = existsSync(folder) ? (JSON.parse(read('policies.json')) as PublishedPolicy[]) : []
  const texts = all.filter(({ file }) => file.endsWith('.txt'))
  const known = texts.filter(({ version }) => version === '1.0' || version === '1.1')
  const newer = texts.filter(({ version }) => version === '1.2')

  test('there are some', () => {
    process.stdout.write(
      `published policies: ${known.length} of version 1.0 and 1.1, ${newer.length} of 1.2\n`,
    )
    expect(known.length).toBeGreaterThan(0)
  })

  test.each(known)('$file is $expected', ({ file, expected }) => {
    const result = parsePolicy(read(file))
    expect(result.ok ? 'valid' : 'invalid').toBe(expected)
  })

  test.each(newer)('$file is refused for its version', ({ file }) => {
    expect(parsePolicy(read(file))).toMatchObject({
      ok: false,
      problem: { code: 'policy-version' },
    })
  })

  test('the hash of the default policy of 2022 is the one its tokens carry', async () => {
    expect(await policyHashOf(read('maa-default-sgx-2022.txt'))).toMatch(/^bROrN897/)
    expect(await policyHashOf(read('azure-sdk-draft-permit.txt'))).toBe(
      '1wKUrF_E0X5CZUM9OMIF1PH3qn5iykWY_bWgBbiWJZ0',
    )
  })

  test('recorded evaluations come out as the service recorded them', () => {
    const recorded = JSON.parse(read('evaluation.json')) as {
      policy: string
      expect: 'permit' | 'deny'
      issued?: Record<string, string | number | boolean>
    }[]
    const mrSigner = '4aea5f9a0ed04b11f889aadfe6a1d376213a29a95a85ce7337ae6f7fece6610c'
    const claims = sgx({
      'x-ms-sgx-is-debuggable': true,
      'x-ms-sgx-mrsigner': mrSigner,
      'x-ms-sgx-mrenclave': '292a1f4b519e46627eb2478a3d9851405653c5b4b0a6925de843834d9216850e',
      'x-ms-sgx-product-id': 1,
      'x-ms-sgx-svn': 1,
    })
    expect(recorded.length).toBeGreaterThan(0)
    for (const { policy, expect: expected, issued } of recorded) {
      const result = evaluatePolicy(parsed(read(policy)), claims, { stepsMax })
      expect(result.ok ? 'permit' : 'deny').toBe(expected)
      if (result.ok) {
        expect(Object.fromEntries(result.value.map(({ type, value }) => [type, value]))).toEqual(
          issued,
        )
      }
    }
  })
})

if (!existsSync(folder)) {
  process.stdout.write('published policies: none read, ../shared/vectors/policy is absent\n')
}
