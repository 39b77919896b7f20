/** Keys and break-glass on the command line, as docs/operations/key-custody.md has them. */

import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ran, sealward, startTestBroker, type TestBroker, typing } from './broker.fixtures.ts'

const policy = {
  version: '1.0.0',
  anyOf: [
    {
      authority: 'https://attest.example',
      allOf: [{ claim: 'x-ms-sgx-is-debuggable', equals: false }],
    },
  ],
}
let broker: TestBroker
let officer: string

beforeAll(async () => {
  broker = await startTestBroker({ breakGlass: { keys: ['platform-master'] } })
  officer = await broker.people.tokenOf(['officer'])
}, 60_000)
afterAll(() => broker.close())

const key = (...commandLine: readonly string[]): Promise<Ran> =>
  sealward(['broker', 'key', ...commandLine, '--broker', broker.url], { token: officer })

const problemIn = ({ err }: Ran): string | undefined => /: ([a-z-]+)/.exec(err)?.[1]

test('a key is made with a release policy, shown, rotated, and found in the list', async () => {
  const file = broker.written('policy.json', JSON.stringify(policy))
  const create = ['create', 'platform-master', '--type', 'oct', '--size', '256'] as const
  const made = await key(...create, '--policy', file)
  expect(made).toMatchObject({ code: 0, err: '' })
  expect(made.out).toMatch(/^http:\/\/localhost:4490\/keys\/platform-master\/[0-9a-f]{32}\n/)
  expect(made.out).toContain('to whom its policy names')
  const [, first = ''] = /platform-master\/(\w+)/.exec(made.out) ?? []

  const rotated = JSON.parse((await key('rotate', 'platform-master', '--json')).out)
  expect(rotated.key.kid).not.toContain(first)
  const old = JSON.parse(
    (await key('show', 'platform-master', '--at-version', first, '--json')).out,
  )
  expect(old.key.kid).toContain(first)
  const shown = await key('policy', 'show', 'platform-master')
  expect(JSON.parse(shown.out)).toEqual(policy)

  const bits = await key('create', 'signing', '--type', 'EC', '--curve', 'P-256', '--ops', 'sign')
  expect(bits.out).toContain('may         sign\n')
  expect(bits.out).toContain('to nobody')
  expect((await key('policy', 'show', 'signing')).out).toContain('to nobody')
  const listed = await key('list')
  expect(listed.out).toBe(
    'http://localhost:4490/keys/platform-master\nhttp://localhost:4490/keys/signing\n',
  )
})

test('a key of one’s own is brought as PEM or as a JWK', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = broker.written('own.pem', String(privateKey.export({ format: 'pem', type: 'pkcs8' })))
  const imported = JSON.parse((await key('import', 'own', pem, '--json')).out)
  expect(imported.key.n).toBe(privateKey.export({ format: 'jwk' }).n)
  expect(JSON.stringify(imported)).not.toContain(privateKey.export({ format: 'jwk' }).d)
  const k = Buffer.alloc(32, 7).toString('base64url')
  const jwk = broker.written('own.json', JSON.stringify({ kty: 'oct', k }))
  const oct = await key('import', 'own-oct', jwk, '--ops', 'wrapKey,unwrapKey')
  expect(oct.code).toBe(0)
  expect(oct.out).not.toContain(k)
  const nothing = broker.written('nothing.txt', 'no key')
  expect(problemIn(await key('import', 'own', nothing))).toBe('key-malformed')
})

test('what the broker refuses is told by its own code', async () => {
  expect(problemIn(await key('show', 'nothing'))).toBe('key-unknown')
  expect(await key('create', 'x', '--type', 'oct', '--size', '512')).toMatchObject({ code: 2 })
  const reader = await broker.people.tokenOf(['reader'])
  const refused = await sealward(['broker', 'key', 'rotate', 'own', '--broker', broker.url], {
    token: reader,
  })
  expect(problemIn(refused)).toBe('role-insufficient')
  const nobody = await sealward(['broker', 'key', 'list', '--broker', broker.url])
  expect(problemIn(nobody)).toBe('token-missing')
  expect((await sealward(['broker', 'key', 'list'], { token: officer })).code).toBe(2)
})

test('break-glass: asked for, approved by a second person who sees why, used once, told in the log', async () => {
  const glass = async (
    name: string,
    commandLine: readonly string[],
    options: Parameters<typeof sealward>[1] = {},
  ): Promise<Ran> =>
    sealward(['broker', 'break-glass', ...commandLine, '--broker', broker.url], {
      token: await broker.people.tokenOf(['custodian'], name),
      ...options,
    })
  const reason = 'the machine of the platform burnt, and a ward waits'
  const privateKey = join(broker.folder, 'emergency.pem')
  const out = join(broker.folder, 'master.jwk')
  const ask = ['request', '--key', 'platform-master', '--private-key', privateKey] as const
  const asked = await glass('alice', [...ask, '--reason', reason, '--json'])
  expect(asked.code).toBe(0)
  const { id } = JSON.parse(asked.out)
  expect(statSync(privateKey).mode & 0o777).toBe(0o600)
  // The key of an earlier request is not written over.
  expect(problemIn(await glass('alice', [...ask, '--reason', reason]))).toBe('file-unwritable')

  const use = ['use', id, '--private-key', privateKey, '--out', out]
  expect(problemIn(await glass('alice', [...use, '--yes']))).toBe('break-glass-state')
  expect(existsSync(out)).toBe(false)
  expect(problemIn(await glass('alice', ['approve', id, '--yes']))).toBe('break-glass-own')
  expect(problemIn(await glass('bob', ['approve', id]))).toBe('confirmation-missing')
  const bob = typing('yes')
  const approved = await glass('bob', ['approve', id], { input: bob })
  expect(approved.out).toContain('approved by bob')
  expect(bob.asked[0]).toContain(reason)
  expect(bob.asked[0]).toContain('alice will be given this key, without attestation.')

  const used = await glass('alice', use, { input: typing('yes') })
  expect(used).toMatchObject({ code: 0, err: '' })
  expect(statSync(out).mode & 0o777).toBe(0o600)
  const jwk = JSON.parse(readFileSync(out, 'utf8'))
  expect(jwk).toMatchObject({ kty: 'oct', k: expect.stringMatching(/^[\w-]{43}$/) })
  expect(used.out).not.toContain(jwk.k)
  const again = ['use', id, '--private-key', privateKey, '--out', `${out}-2`, '--yes']
  expect(problemIn(await glass('alice', again))).toBe('break-glass-state')
  const other = ['request', '--key', 'own', '--private-key', `${privateKey}-2`, '--reason', reason]
  expect(problemIn(await glass('alice', other))).toBe('break-glass-key')

  const second = await glass('alice', [
    ...ask.slice(0, 4),
    `${privateKey}-3`,
    '--reason',
    reason,
    '--json',
  ])
  const refused = await glass('bob', ['refuse', JSON.parse(second.out).id])
  expect(refused.out).toContain('refused')
  const listed = JSON.parse((await glass('bob', ['list', '--json'])).out)
  expect(listed.requests.map(({ state }: { readonly state: string }) => state).toSorted()).toEqual([
    'refused',
    'used',
  ])

  const file = join(broker.folder, 'audit.jsonl')
  const token = await broker.people.tokenOf(['auditor'])
  await sealward(['audit', 'export', '--broker', broker.url, '--out', file], { token })
  const log = readFileSync(file, 'utf8')
  expect(log).toContain(`"action":"break-glass-use","target":"break-glass/${id}","outcome":"done"`)
  expect(log).not.toContain(jwk.k)
})
