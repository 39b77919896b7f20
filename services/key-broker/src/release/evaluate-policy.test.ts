import { utf8Of } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import { evaluatePolicy, type PolicyVerdict, unmetClaims } from './evaluate-policy.ts'
import { parseReleasePolicy } from './release-policy.ts'

const issuer = 'https://attestation.example'

function verdictOf(rule: object, claims: object, authority = issuer): PolicyVerdict {
  const policy = parseReleasePolicy(utf8Of(JSON.stringify({ anyOf: [{ authority, ...rule }] })))
  if (!policy.ok) throw new Error(policy.problem.detail)
  return evaluatePolicy(policy.value, { issuer, claims: { ...claims } })
}

const met = (condition: object, claims: object): boolean =>
  verdictOf({ allOf: [condition] }, claims).met

test.each<[condition: object, isMet: unknown, isNot: unknown]>([
  [{ equals: 'sgx' }, 'sgx', 'SGX'],
  [{ equals: 3 }, 3, 4],
  [{ notEquals: 'sgx' }, 'tdx', 'sgx'],
  [{ notEquals: 3 }, '3', 3],
  [{ less: 3 }, 2, 3],
  [{ lessOrEquals: 3 }, 3, 4],
  [{ greater: 3 }, 4, 3],
  [{ greaterOrEquals: 3 }, 3, 2],
  [{ exists: true }, 'anything', undefined],
  [{ exists: 'true' }, false, undefined],
  [{ exists: false }, undefined, 'anything'],
  // Booleans and their texts are equal, and nothing else is.
  [{ equals: false }, 'false', 'False'],
  [{ equals: 'false' }, false, true],
  [{ equals: 'true' }, true, 1],
  [{ notEquals: false }, 'true', 'false'],
  [{ equals: 'false' }, 'false', 0],
  // A number is not the text of one.
  [{ equals: '3' }, '3', 3],
  // Neither are there numbers that a double does not hold.
  [{ equals: 9_007_199_254_740_991 }, 9_007_199_254_740_991, 9_007_199_254_740_992],
])('%o is met by %o and not by %o', (condition, isMet, isNot) => {
  const claimed = (value: unknown): object => (value === undefined ? {} : { a: value })
  expect(met({ claim: 'a', ...condition }, claimed(isMet))).toBe(true)
  expect(met({ claim: 'a', ...condition }, claimed(isNot))).toBe(false)
})

test('a claim that is missing, a list, an object or null meets nothing, whatever is asked', () => {
  for (const operator of [
    'equals',
    'notEquals',
    'less',
    'lessOrEquals',
    'greater',
    'greaterOrEquals',
  ]) {
    const condition = { claim: 'a', [operator]: 0 }
    for (const claims of [{}, { a: [0] }, { a: { b: 0 } }, { a: null }]) {
      expect(met(condition, claims)).toBe(false)
    }
  }
  for (const value of [[], {}, null]) {
    expect(met({ claim: 'a', exists: true }, { a: value })).toBe(false)
    expect(met({ claim: 'a', exists: false }, { a: value })).toBe(false)
  }
})

test('text and booleans have no order', () => {
  for (const value of ['9', true]) expect(met({ claim: 'a', greater: 3 }, { a: value })).toBe(false)
})

test('a dot leads into objects, never into lists or what every object has', () => {
  const claims = { 'x-ms-inittime': { attestation: { issuer: 'i' } }, list: [{ a: 1 }], 'a.b': 2 }
  expect(met({ claim: 'x-ms-inittime.attestation.issuer', equals: 'i' }, claims)).toBe(true)
  expect(met({ claim: 'a.b', equals: 2 }, claims)).toBe(true)
  expect(met({ claim: 'list.0.a', equals: 1 }, claims)).toBe(false)
  expect(met({ claim: 'list.length', equals: 1 }, claims)).toBe(false)
  for (const claim of ['__proto__', 'constructor', 'x-ms-inittime.constructor.name']) {
    expect(met({ claim, exists: true }, claims)).toBe(false)
    expect(met({ claim, notEquals: 'x' }, claims)).toBe(false)
  }
})

test('conditions nest, and any or all of them are asked for', () => {
  const rule = {
    allOf: [
      { claim: 'a', equals: 1 },
      { anyOf: [{ claim: 'b', equals: 2 }, { allOf: [{ claim: 'c', equals: 3 }] }] },
    ],
  }
  expect(verdictOf(rule, { a: 1, b: 2 }).met).toBe(true)
  expect(verdictOf(rule, { a: 1, c: 3 }).met).toBe(true)
  expect(verdictOf(rule, { a: 1 }).met).toBe(false)
  expect(verdictOf(rule, { b: 2, c: 3 }).met).toBe(false)
})

test('only the authority that a token is from is asked', () => {
  const rule = { allOf: [{ claim: 'a', equals: 1 }] }
  expect(verdictOf(rule, { a: 1 }, 'https://another.example')).toEqual({
    met: false,
    authorities: [{ authority: 'https://another.example' }],
  })
  expect(verdictOf(rule, { a: 1 }, `${issuer}/`).met).toBe(true)
  expect(verdictOf(rule, { a: 1 }, `${issuer}.evil.example`).met).toBe(false)
  expect(verdictOf(rule, { a: 1 }, 'http://attestation.example').met).toBe(false)
})

test('a verdict explains every condition, and repeats no claim', () => {
  const verdict = verdictOf(
    {
      allOf: [
        { claim: 'a', equals: 1 },
        { claim: 'b', exists: true },
        { claim: 'c', less: 2 },
      ],
    },
    { a: 'secret', c: 1 },
  )
  expect(verdict.authorities[0]?.condition).toEqual({
    met: false,
    kind: 'allOf',
    conditions: [
      {
        met: false,
        kind: 'claim',
        claim: 'a',
        operator: 'equals',
        expected: 1,
        because: 'differs',
      },
      {
        met: false,
        kind: 'claim',
        claim: 'b',
        operator: 'exists',
        expected: true,
        because: 'differs',
      },
      { met: true, kind: 'claim', claim: 'c', operator: 'less', expected: 2 },
    ],
  })
  expect(JSON.stringify(verdict)).not.toContain('secret')
  expect(unmetClaims(verdict)).toEqual(['a', 'b'])
})

test('names of claims have dots, too, and the longest one that is there counts', () => {
  const claims = {
    submods: { cpu0: { 'ear.status': 'affirming', 'ear.veraison.evidence': { sgx: { svn: 3 } } } },
    'a.b': { c: 1 },
    a: { b: { c: 2 } },
  }
  expect(met({ claim: 'submods.cpu0.ear.status', equals: 'affirming' }, claims)).toBe(true)
  expect(met({ claim: 'submods.cpu0.ear.veraison.evidence.sgx.svn', equals: 3 }, claims)).toBe(true)
  expect(met({ claim: 'a.b.c', equals: 1 }, claims)).toBe(true)
  expect(met({ claim: 'a.b.c', equals: 2 }, claims)).toBe(false)
  expect(met({ claim: 'submods.cpu0.ear', exists: true }, claims)).toBe(false)
  expect(met({ claim: 'submods.cpu0.ear.status.length', exists: true }, claims)).toBe(false)
})
