import { readFileSync } from 'node:fs'
import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import { createSampleVendor } from '@sealward/attestation/sample'
import { afterAll, describe, expect, test } from 'vitest'
import { now, openScratch, sealward } from '../evidence/command.fixtures.ts'

const scratch = openScratch()
afterAll(() => scratch.remove())
const { written } = scratch

const json = async (...commandLine: readonly string[]) => {
  const { code, out, err } = await sealward('policy', ...commandLine, '--json')
  expect(out.indexOf('\n')).toBe(out.length - 1)
  return { code, err, json: JSON.parse(out) as unknown }
}
const base64url = (text: string): string => Buffer.from(text).toString('base64url')
const jwsOf = (payload: object): string =>
  `${base64url('{"alg":"none"}')}.${base64url(JSON.stringify(payload))}.`

const good = defaultPolicyFor('SgxEnclave')
const svn = `version=1.1;

authorizationrules {
  [type=="x-ms-sgx-is-debuggable", value==false, issuer=="AttestationService"] &&
  [type=="x-ms-sgx-svn", value>=4, issuer=="AttestationService"] => permit();
};

issuancerules {
  c:[type=="x-ms-sgx-svn"] => issue(type="svn", value=c.value);
};
`
const claims = { 'x-ms-sgx-is-debuggable': false, 'x-ms-sgx-svn': 3 }

describe('policy check', () => {
  test('of a policy that is valid says its hash and nothing else', async () => {
    const file = written(good)
    expect(await sealward('policy', 'check', file)).toEqual({
      code: 0,
      out: `${file}: valid, version 1.1, x-ms-policy-hash ${await policyHashOf(good)}\n`,
      err: '',
    })
  })

  test('shows warnings with their lines; with --strict they count', async () => {
    const file = written('version=1.0;\nauthorizationrules{\n\t=> permit();\n};')
    const { code, out } = await sealward('policy', 'check', file)
    expect(code).toBe(0)
    expect(out).toContain(`${file}:3:2: unconditional-permit: `)
    expect(out).toContain('\n  3 |  => permit();\n       ^\n')
    expect((await sealward('policy', 'check', file, '--strict')).code).toBe(1)
    expect((await sealward('policy', 'check', written(good), '--strict')).code).toBe(0)
  })

  test('of one that is not says where, what was expected, and marks it', async () => {
    const file = written('version=1.0;\nauthorizationrules{\n  [type="a"] => permit();\n};')
    const { code, out, err } = await sealward('policy', 'check', file)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(`policy-syntax (${file}:3:8): == expected`)
    expect(err).toContain('\n  3 |   [type="a"] => permit();\n             ^\n')
  })

  test('cuts a long line around the place', async () => {
    const rule = '[type=="a"] => permit();'
    const file = written(
      `version=1.0;authorizationrules{${rule.repeat(10)}[type=="a"] => allow();${rule.repeat(10)}};`,
    )
    const { err } = await sealward('policy', 'check', file)
    const [, line = '', mark = ''] = err.split('\n')
    expect(line.length).toBeLessThan(120)
    expect(line.slice(mark.indexOf('^'))).toMatch(/^allow/)
  })

  test('of several files tells of each, and the worst decides', async () => {
    const [valid, invalid] = [written(good), written('version=2.0;')]
    const result = await json('check', valid, invalid)
    expect(result).toMatchObject({
      code: 2,
      json: {
        files: [
          { file: valid, valid: true, version: '1.1', problem: null, warnings: [] },
          { file: invalid, valid: false, problem: { code: 'policy-version', at: '1:9' } },
        ],
      },
    })
  })

  test('reads the policy in a JWS', async () => {
    const file = written(`${jwsOf({ AttestationPolicy: base64url(good) })}\n`)
    expect(await json('check', file)).toMatchObject({
      code: 0,
      json: { files: [{ valid: true, policyHash: await policyHashOf(good) }] },
    })
  })

  test.each([
    ['a JWS without a policy', `${jwsOf({ policy: 'x' })}`],
    ['a JWS with something else', `${jwsOf({ AttestationPolicy: '*' })}`],
    ['an empty JWS', 'eyJhbGciOiJub25lIn0..'],
    ['what is no UTF-8', new Uint8Array([0xff, 0xfe])],
  ])('refuses %s', async (_, content) => {
    expect(await json('check', written(content))).toMatchObject({
      code: 2,
      json: { files: [{ valid: false, problem: { code: 'policy-unreadable' } }] },
    })
  })

  test('refuses a file that is not there', async () => {
    expect(await json('check', '/nowhere/at/all')).toMatchObject({
      code: 2,
      json: { files: [{ problem: { code: 'file-unreadable' } }] },
    })
  })
})

describe('policy format', () => {
  const sloppy = 'version= 1.0;\nAuthorizationrules{ =>permit() // all\n}'
  const formatted = 'version=1.0;\n\nauthorizationrules {\n  // all\n  => permit();\n};\n'

  test('prints the canonical form', async () => {
    expect(await sealward('policy', 'format', written(sloppy))).toEqual({
      code: 0,
      out: formatted,
      err: '',
    })
  })

  test('writes it back, and says what becomes of the hash', async () => {
    const file = written(sloppy)
    const { code, out, err } = await sealward('policy', 'format', file, '--write')
    expect({ code, out }).toEqual({ code: 0, out: '' })
    expect(err).toContain(await policyHashOf(sloppy))
    expect(err).toContain(await policyHashOf(formatted))
    expect(readFileSync(file, 'utf8')).toBe(formatted)
    expect((await sealward('policy', 'format', file, '--write')).err).toBe(`${file}: as it was.\n`)
  })

  test('--check says whether it is in that form, and changes nothing', async () => {
    const file = written(sloppy)
    expect(await sealward('policy', 'format', file, '--check')).toMatchObject({ code: 1, out: '' })
    expect(readFileSync(file, 'utf8')).toBe(sloppy)
    expect(await sealward('policy', 'format', written(formatted), '--check')).toMatchObject({
      code: 0,
    })
    expect(await json('format', file, '--check')).toMatchObject({
      code: 1,
      json: { changed: true, text: formatted },
    })
  })

  test('rewrites no JWS, no standard input, and nothing that does not parse', async () => {
    const jws = written(jwsOf({ AttestationPolicy: base64url(sloppy) }))
    expect(await sealward('policy', 'format', jws)).toMatchObject({ code: 0, out: formatted })
    expect(await sealward('policy', 'format', jws, '--write')).toMatchObject({ code: 2, out: '' })
    expect(await sealward('policy', 'format', '-', '--write')).toMatchObject({ code: 2 })
    expect(await sealward('policy', 'format', jws, '--write', '--check')).toMatchObject({ code: 2 })
    const broken = written('version=1.0; authorizationrules{')
    expect(await sealward('policy', 'format', broken, '--write')).toMatchObject({ code: 2 })
    expect(readFileSync(broken, 'utf8')).toBe('version=1.0; authorizationrules{')
  })
})

describe('policy explain', () => {
  const policy = written(svn)
  const explain = (content: string) => json('explain', policy, '--claims', written(content))
  const refused = {
    code: 1,
    json: {
      verdict: 'not-permitted',
      rules: [{ conditions: [{ outcome: 'holds' }, { nearest: { expected: 4, actual: 3 } }] }],
    },
  }

  test('says why in one line, and whose claims they are', async () => {
    const file = written(JSON.stringify(claims))
    const { code, out } = await sealward('policy', 'explain', policy, '--claims', file)
    expect(code).toBe(1)
    expect(out).toMatch(/^Not permitted, because x-ms-sgx-svn is 3, not >= 4\.\n/)
    expect(out).toContain(`The claims are as ${file} has them; none was verified.\n`)
  })

  test('reads claims by their names, as a list, and as a token', async () => {
    const list = Object.entries(claims).map(([type, value]) => ({ type, value }))
    expect(await explain(JSON.stringify(claims))).toMatchObject(refused)
    expect(await explain(JSON.stringify(list))).toMatchObject(refused)
    expect(await explain(`${jwsOf(claims)}\n`)).toMatchObject(refused)
  })

  test('of a token leaves out what its policy issued', async () => {
    const token = jwsOf({
      'x-ms-sgx-svn': 4,
      'x-ms-sgx-is-debuggable': false,
      svn: 9,
      'x-ms-policy': { svn: 9 },
    })
    const other = written('version=1.0; authorizationrules{ [type=="svn"] => permit(); };')
    expect(await json('explain', other, '--claims', written(token))).toMatchObject({ code: 1 })
    expect(await json('explain', policy, '--claims', written(token))).toMatchObject({ code: 0 })
  })

  test('believes a client’s claim only as a client’s', async () => {
    const own = Object.entries({ ...claims, 'x-ms-sgx-svn': 4 }).map(([type, value]) => ({
      type,
      value,
      issuer: 'CustomClaim',
    }))
    expect(await explain(JSON.stringify(own))).toMatchObject({
      code: 1,
      json: { rules: [{ conditions: [{ nearest: { property: 'issuer' } }, {}] }] },
    })
  })

  test('reads what an inspection of evidence printed', async () => {
    const vendor = await createSampleVendor({ at: now })
    const quote = await vendor.quote({
      mrEnclave: new Uint8Array(32).fill(1),
      mrSigner: new Uint8Array(32).fill(2),
      isvProdId: 1,
      isvSvn: 3,
      debug: false,
      reportData: new Uint8Array(64),
    })
    const inspected = await sealward('evidence', 'inspect', written(quote), '--json')
    expect(await explain(inspected.out)).toMatchObject(refused)
    const verified = await sealward('evidence', 'verify', written(quote), '--json')
    expect(await explain(verified.out)).toMatchObject(refused)
    expect(await explain(inspected.out.replace('"isvSvn": 3', '"isvSvn": 4'))).toMatchObject({
      code: 0,
      json: { verdict: 'permitted', issued: [{ type: 'svn', value: 4 }] },
    })
  })

  test.each([
    'no JSON',
    '"text"',
    '[1]',
    '[{"type": "a"}]',
    '[{"type": "a", "value": null}]',
    '[{"type": "a", "value": 1, "issuer": "Somebody"}]',
    '{"a": 1, "a": 2}',
    'eyJ.*.x',
  ])('refuses %s as claims', async (content) => {
    expect(await explain(content)).toMatchObject({
      code: 2,
      json: { problem: { code: 'claims-unreadable' } },
    })
  })

  test('needs claims, and not both from standard input', async () => {
    expect((await sealward('policy', 'explain', policy)).code).toBe(2)
    expect(await sealward('policy', 'explain', '-', '--claims', '-')).toMatchObject({ code: 2 })
  })
})

describe('policy test', () => {
  const policy = written(svn)
  const cases = (list: unknown): string => written(JSON.stringify(list))
  const current = { ...claims, 'x-ms-sgx-svn': 4 }

  test('all as expected', async () => {
    const file = cases([
      { name: 'old', claims, expect: 'refuse' },
      { name: 'current', claims: current, expect: 'permit', issued: { svn: 4 } },
      { name: 'listed', claims: [{ type: 'a', value: 1 }], expect: 'refuse' },
    ])
    expect(await sealward('policy', 'test', policy, file)).toEqual({
      code: 0,
      out: 'passed  old\npassed  current\npassed  listed\n3 of 3 cases as expected.\n',
      err: '',
    })
  })

  test('what is not as expected is named, with why', async () => {
    const file = cases([
      { name: 'old', claims, expect: 'permit' },
      { name: 'current', claims: current, expect: 'refuse' },
      { name: 'refused, not denied', claims, expect: 'deny' },
      { name: 'other', claims: current, expect: 'permit', issued: { svn: 5 } },
      { name: 'missing', claims: current, expect: 'permit', issued: { svn: 4, x: [1, 2] } },
      { name: 'more', claims: current, expect: 'permit', issued: {} },
    ])
    const { code, out } = await sealward('policy', 'test', policy, file)
    expect(code).toBe(1)
    expect(out).toContain('FAILED  old: permit expected. Not permitted, because x-ms-sgx-svn is 3')
    expect(out).toContain('FAILED  current: refuse expected. Permitted by the rule at 4:3.')
    expect(out).toContain('FAILED  refused, not denied: deny expected.')
    expect(out).toContain('FAILED  other: svn issued as 5 expected, and as 4 found')
    expect(out).toContain('FAILED  missing: x issued as 1, 2 expected, and as nothing found')
    expect(out).toContain('FAILED  more: svn issued as nothing expected, and as 4 found')
    expect(out).toContain('0 of 6 cases as expected.')
    expect(await json('test', policy, file)).toMatchObject({
      code: 1,
      json: {
        passed: 0,
        failed: 6,
        results: [{ name: 'old', passed: false, verdict: 'not-permitted' }, {}, {}, {}, {}, {}],
      },
    })
  })

  test('a deny is told from a refusal', async () => {
    const denying = written(
      'version=1.0; authorizationrules{ => permit(); [type=="a"] => deny(); };',
    )
    const file = cases([
      { name: 'denied', claims: { a: 1 }, expect: 'deny' },
      { name: 'let in', claims: { b: 1 }, expect: 'permit' },
    ])
    expect(await sealward('policy', 'test', denying, file)).toMatchObject({ code: 0 })
  })

  test.each<readonly [string, unknown]>([
    ['no list', {}],
    ['an empty list', []],
    ['a case without claims', [{ name: 'a', expect: 'permit' }]],
    ['an unknown expectation', [{ name: 'a', claims: {}, expect: 'allow' }]],
    ['claims that are none', [{ name: 'a', claims: 1, expect: 'permit' }]],
    ['a field too much', [{ name: 'a', claims: {}, expect: 'permit', more: 1 }]],
    ['a name that steers a terminal', [{ name: '\u001b[2J', claims: {}, expect: 'permit' }]],
  ])('refuses %s', async (_, list) => {
    expect(await json('test', policy, cases(list))).toMatchObject({
      code: 2,
      json: { problem: { code: 'cases-unreadable' } },
    })
  })

  test('says which case cannot be read', async () => {
    const list = [
      { name: 'a', claims: {}, expect: 'permit' },
      { name: 'b', claims: {}, expect: 'allow' },
    ]
    const { code, err } = await sealward('policy', 'test', policy, cases(list))
    expect([code, err]).toEqual([2, expect.stringContaining('cases[1].expect: ')])
  })
})

describe('policy diff', () => {
  const [old, changed] = [written(svn), written(svn.replace('>=4', '>=3'))]

  test('spelling is no difference', async () => {
    const respelled = written(
      `// another\n${svn.replaceAll('\n\n', '\n').replace('issuancerules', 'Issuancerules')}`,
    )
    expect(await sealward('policy', 'diff', old, respelled)).toEqual({
      code: 0,
      out: 'No difference.\n',
      err: '',
    })
  })

  test('rules, and what becomes of claims', async () => {
    const file = written(JSON.stringify(claims))
    const { code, out } = await sealward('policy', 'diff', old, changed, '--claims', file)
    expect(code).toBe(1)
    expect(out).toContain('authorizationrules\n  - 4:3  [type==')
    expect(out).toContain('value>=3, issuer=="AttestationService"] => permit() (changed)\n')
    expect(out).toContain(`${file}: not-permitted -> permitted\n  + svn = 3\n`)
    expect(await json('diff', old, changed, '--claims', file)).toMatchObject({
      code: 1,
      json: { decisions: [{ name: file, before: 'not-permitted', after: 'permitted' }] },
    })
  })

  test('refuses what it cannot read, and standard input twice', async () => {
    const broken = written('version=1.0; authorizationrules{')
    const { code, err } = await sealward('policy', 'diff', old, broken)
    expect(code).toBe(2)
    expect(err).toContain(`${broken}:1:33`)
    expect((await sealward('policy', 'diff', '-', '-')).code).toBe(2)
  })
})

test('every command tells how it is used', async () => {
  for (const command of ['check', 'format', 'explain', 'test', 'diff']) {
    const { code, out } = await sealward('policy', command, '--help')
    expect(code).toBe(0)
    expect(out).toMatch(/Examples?:\n {2}sealward policy/)
    expect(out).toContain('Exit codes: 0 ')
  }
  expect((await sealward('policy', 'unknown')).code).toBe(2)
})
