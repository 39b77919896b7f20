/** The commands against a broker that listens. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ran, sealward, startTestBroker, type TestBroker } from '../broker/broker.fixtures.ts'

let broker: TestBroker
let token: string
let key: string
let kept: string
let exported: string
let lines: readonly string[]

beforeAll(async () => {
  broker = await startTestBroker()
  token = await broker.people.tokenOf(['auditor'])
  const officer = await broker.people.tokenOf(['officer'])
  for (const name of ['one', 'two', 'three']) {
    const made = await fetch(`${broker.url}/keys/${name}/create?api-version=7.4`, {
      method: 'POST',
      headers: { authorization: `Bearer ${officer}`, 'content-type': 'application/json' },
      body: JSON.stringify({ kty: 'oct', key_size: 256, key_ops: ['wrapKey', 'unwrapKey'] }),
    })
    expect(made.status).toBe(200)
  }
  key = broker.written('key.json', (await audit('key', '--broker', broker.url)).out)
  const checkpoint = await audit('checkpoint', '--broker', broker.url, '--key', key)
  kept = broker.written('kept.checkpoint', checkpoint.out)
  exported = join(broker.folder, 'audit.jsonl')
  const written = await audit('export', '--broker', broker.url, '--out', exported)
  expect(written).toMatchObject({ code: 0, err: '' })
  lines = readFileSync(exported, 'utf8').trimEnd().split('\n')
}, 60_000)
afterAll(() => broker.close())

const audit = (...commandLine: readonly string[]): Promise<Ran> =>
  sealward(['audit', ...commandLine], { token })

interface Found {
  readonly whole: boolean
  readonly findings: readonly { readonly code: string; readonly detail: string }[]
}

let files = 0
/** What is found in these lines, by the exit code and the codes. */
async function foundIn(edited: readonly string[], ...more: readonly string[]): Promise<string> {
  files++
  const file = broker.written(`edited-${files}.jsonl`, edited.map((line) => `${line}\n`).join(''))
  const { code, out } = await audit('verify', file, '--key', key, '--json', ...more)
  const { findings } = JSON.parse(out) as Found
  return [code, ...findings.map((finding) => finding.code)].join(' ')
}

test('an exported log is whole, and says who made which key', async () => {
  const actions = lines.slice(0, -1).map((line) => JSON.parse(line).action)
  expect(actions).toEqual(['log-begin', 'key-create', 'key-create', 'key-create'])
  expect(await audit('verify', exported, '--key', key, '--checkpoint', kept)).toEqual({
    code: 0,
    out: 'The log is whole: 4 entries, up to entry 4.\nCheckpoints vouch for all of it.\n',
    err: '',
  })
  const { out } = await audit('verify', exported, '--key', key, '--json')
  expect(JSON.parse(out)).toMatchObject({ whole: true, entries: 4, signedTo: 4, findings: [] })
})

test('a removed, changed, moved, inserted entry and a cut are found, each in a sentence', async () => {
  const [first = '', second = '', third = '', fourth = '', checkpoint = ''] = lines
  expect(await foundIn([first, third, fourth, checkpoint])).toBe('1 entry-removed')
  expect(await foundIn([first, second, fourth, third, checkpoint])).toMatch(/^1 entry-moved/)
  expect(await foundIn([first, second.replace('one', 'own'), third, fourth, checkpoint])).toBe(
    '1 entry-changed',
  )
  expect(await foundIn([first, second, second, third, fourth, checkpoint])).toBe('1 entry-inserted')
  expect(await foundIn([first, second, third, checkpoint])).toBe('1 log-truncated')
  expect(await foundIn([first, second, third], '--checkpoint', kept)).toBe('1 log-truncated')
  expect(await foundIn([first, checkpoint, second, third, fourth], '--checkpoint', kept)).toBe('0')
  const forged = checkpoint.replace(/.{20}"\}$/, 'A'.repeat(20).concat('"}'))
  expect(await foundIn([...lines.slice(0, -1), forged])).toBe('1 checkpoint-signature')
  expect(await foundIn([first, second, 'no entry', third, fourth])).toMatch(/^1 entry-malformed/)

  const file = broker.written('removed.jsonl', `${[first, third, fourth].join('\n')}\n`)
  expect(await audit('verify', file, '--key', key, '--checkpoint', kept)).toEqual({
    code: 1,
    out: 'The log is not whole.\n  entry-removed: Entry 2 was removed: line 2 is entry 3.\n',
    err: '',
  })
})

test('a checkpoint is kept in either form that it is printed in', async () => {
  const printed = await audit('checkpoint', '--broker', broker.url, '--json')
  expect(JSON.parse(printed.out)).toMatchObject({ sequence: 4 })
  const json = broker.written('kept.json', printed.out)
  const line = broker.written('kept.line', `${lines.at(-1)}\n`)
  const [first = '', second = ''] = lines
  for (const file of [kept, json, line]) {
    expect(await foundIn([first, second], '--checkpoint', file)).toBe('1 log-truncated')
  }
  const nothing = broker.written('kept.nothing', 'nothing')
  const refused = await audit('verify', exported, '--key', key, '--checkpoint', nothing)
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('checkpoint-malformed') })
})

test('a log for which nobody vouches is not whole, unless nobody is asked for it', async () => {
  const unsigned = lines.slice(0, -1)
  expect(await foundIn(unsigned)).toBe('1 log-unsigned')
  const file = broker.written('unsigned.jsonl', `${unsigned.join('\n')}\n`)
  const { code, out } = await audit('verify', file, '--unsigned')
  expect(code).toBe(0)
  expect(out).toContain('who wrote it was not asked')
})

test('the log is read from the broker, and held to a checkpoint that was kept', async () => {
  const live = ['verify', '--broker', broker.url, '--key', key, '--checkpoint', kept] as const
  expect(await audit(...live)).toMatchObject({ code: 0 })
  // The log may go on after an export: the rest is verified from the checkpoint that was kept.
  const later = join(broker.folder, 'later.jsonl')
  await fetch(`${broker.url}/keys/four/create?api-version=7.4`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await broker.people.tokenOf(['officer'])}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ kty: 'oct', key_ops: ['wrapKey', 'unwrapKey'] }),
  })
  await audit('export', '--broker', broker.url, '--out', later, '--after', '4')
  expect(await audit('verify', later, '--key', key, '--checkpoint', kept)).toMatchObject({
    code: 0,
  })
  expect(await audit('verify', later, '--key', key)).toMatchObject({ code: 1 })

  await broker.postgres.run('alter table broker.audit_entry disable trigger all')
  await broker.postgres.run('grant all on broker.audit_entry to current_user')
  await broker.postgres.run(
    `update broker.audit_entry set line = replace(line, 'keys/two', 'keys/tow') where sequence = 3`,
  )
  const { code, out } = await audit(...live)
  expect(code).toBe(1)
  expect(out).toContain('entry-changed: Entry 3 (line 3) was changed')
})

test('what cannot be read or asked for is said, by the code and by the exit code', async () => {
  const told = async (...commandLine: readonly string[]) => {
    const { code, err } = await audit(...commandLine)
    return [code, /: ([a-z-]+)/.exec(err)?.[1]]
  }
  expect(await told('verify', '--key', key)).toEqual([2, 'usage'])
  expect(await told('verify', exported)).toEqual([2, 'usage'])
  expect(await told('verify', `${exported}-not`, '--key', key)).toEqual([2, 'file-unreadable'])
  expect(await told('verify', exported, '--key', exported)).toEqual([2, 'audit-key-malformed'])
  const other = await startTestBroker()
  const foreign = broker.written('other.json', (await audit('key', '--broker', other.url)).out)
  await other.close()
  expect(await told('verify', exported, '--key', foreign, '--checkpoint', kept)).toEqual([
    1,
    'checkpoint-key-unknown',
  ])
  expect(await told('verify', '--broker', 'http://127.0.0.1:1', '--key', key)).toEqual([
    3,
    'broker-unavailable',
  ])
  expect(await told('verify', '--broker', 'http://keys.example', '--key', key)).toEqual([
    2,
    'broker-insecure',
  ])
  expect(await told('export', '--broker', broker.url, '--out', exported)).toEqual([
    2,
    'file-unwritable',
  ])
  const reader = await broker.people.tokenOf(['reader'])
  const refused = await sealward(
    ['audit', 'export', '--broker', broker.url, '--out', join(broker.folder, 'none')],
    { token: reader },
  )
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('role-insufficient') })
})
