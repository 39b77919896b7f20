/** Keys for people without attestation, against a broker that listens and a clock that is moved. */

import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Running, systemClock } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { compactDecrypt, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  startIdentityProvider,
  type TestIdentityProvider,
} from '../../../../packages/enclave/src/testing/identity-provider.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { brokerConfig } from '../config.ts'
import { startKeyBroker } from '../start.ts'

const folder = mkdtempSync(join(tmpdir(), 'sealward-break-glass-'))
const recipient = generateKeyPairSync('rsa', { modulusLength: 3072 })
const spki = recipient.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
const reason = 'the machine of the platform burnt, and a ward waits'
let postgres: TestPostgres
let people: TestIdentityProvider
let broker: Running
let logged: string[]
let seconds = 0
const clock = { now: () => systemClock.now() + seconds }

beforeAll(async () => {
  postgres = await startTestPostgres()
  people = await startIdentityProvider(clock)
}, 60_000)
afterAll(async () => {
  await people.close()
  await postgres.stop()
  rmSync(folder, { recursive: true })
})
beforeEach(async () => {
  await start({ keys: ['platform-master'], approvalSeconds: 600, useSeconds: 300 })
  const officer = await people.tokenOf(['officer'])
  for (const name of ['platform-master', 'other']) {
    await call(officer, 'POST', `/keys/${name}/create?api-version=7.4`, {
      kty: 'oct',
      key_size: 256,
      key_ops: ['wrapKey', 'unwrapKey'],
    })
  }
  return () => broker.close()
})

async function start(breakGlass?: object): Promise<void> {
  logged = []
  await postgres.run('drop schema if exists broker cascade')
  rmSync(join(folder, 'state'), { recursive: true, force: true })
  broker = await startKeyBroker({
    config: brokerConfig.parse({
      publicUrl: 'http://localhost:4490',
      stateFolder: join(folder, 'state'),
      development: true,
      identityProvider: people.settings,
      limits: { requestsPerSecond: 1000, burst: 1000 },
      metricsPort: 0,
      ...(breakGlass === undefined ? {} : { breakGlass }),
    }),
    databaseUrl: postgres.url,
    clock,
    log: createLogger('key-broker', { write: (line) => logged.push(line) }),
  })
}

interface Called {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  /** Of a refusal. */
  readonly code: string | undefined
}

async function call(token: string, method: string, path: string, body?: object): Promise<Called> {
  const response = await fetch(`http://127.0.0.1:${broker.ports['http']}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = (await response.json()) as Called['body']
  const error = answer['error'] as { readonly innererror?: { readonly code: string } } | undefined
  return { status: response.status, body: answer, code: error?.innererror?.code }
}

const custodian = (name: string): Promise<string> => people.tokenOf(['custodian'], name)

async function ask(name = 'alice', more: object = {}): Promise<Called> {
  const question = { key: 'platform-master', reason, recipient: spki, ...more }
  return call(await custodian(name), 'POST', '/break-glass', question)
}

const step = async (name: string, verb: string, { body }: Called): Promise<Called> =>
  call(await custodian(name), 'POST', `/break-glass/${String(body['id'])}/${verb}`)

/** Action and outcome of what the log says of it, `log-begin` and keys left out. */
async function audited(): Promise<readonly string[]> {
  const rows = await postgres.run('select line from broker.audit_entry order by sequence')
  return rows
    .map(({ line }) => JSON.parse(String(line)))
    .filter(({ action }) => String(action).startsWith('break-glass'))
    .map(({ action, outcome }) => `${String(action).slice(12)} ${outcome}`)
}

const keyIn = async ({ body }: Called): Promise<unknown> => {
  const key = createPrivateKey(recipient.privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const { plaintext } = await compactDecrypt(String(body['jwe']), key)
  return JSON.parse(Buffer.from(plaintext).toString())
}

test('a key is asked for with a reason, approved by another person, and used once', async () => {
  const asked = await ask()
  expect(asked).toMatchObject({
    status: 200,
    body: { state: 'pending', key: 'platform-master', reason, requestedBy: 'alice' },
  })
  expect((await step('alice', 'use', asked)).code).toBe('break-glass-state')
  expect(await step('bob', 'approve', asked)).toMatchObject({
    status: 200,
    body: { state: 'approved', approvedBy: 'bob' },
  })
  const used = await step('alice', 'use', asked)
  expect(used).toMatchObject({ status: 200, body: { state: 'used' } })
  expect(await keyIn(used)).toMatchObject({ kty: 'oct', k: expect.stringMatching(/^[\w-]{43}$/) })
  expect((await step('alice', 'use', asked)).code).toBe('break-glass-state')
  expect(await audited()).toEqual([
    'request done',
    'use break-glass-state',
    'approve done',
    'use done',
    'use break-glass-state',
  ])

  // Loud: who, why, for whom and by whose leave is in an entry that is signed for itself, and the log warns.
  const rows = await postgres.run(
    `select line, jws from broker.audit_entry natural join broker.audit_checkpoint where line like '%break-glass-use%"done"%'`,
  )
  expect(rows).toHaveLength(1)
  expect(JSON.parse(String(rows[0]?.['line'])).details).toMatchObject({
    key: expect.stringMatching(/^keys\/platform-master\/[0-9a-f]{32}$/),
    reason,
    requestedBy: 'alice',
    approvedBy: 'bob',
  })
  const warned = logged.map((line) => JSON.parse(line)).filter(({ level }) => level === 'warn')
  expect(warned.map((one) => one.event ?? one.msg)).toEqual(
    expect.arrayContaining([
      'break-glass-configured',
      'break-glass-request',
      'break-glass-approve',
      'break-glass-use',
    ]),
  )
  const metrics = await fetch(`http://127.0.0.1:${broker.ports['metrics']}/metrics`)
  expect(await metrics.text()).toMatch(
    /sealward_break_glass_steps_total\{outcome="done",command="break-glass-use",[^}]*\} 1/,
  )
  const { k } = (await keyIn(used)) as { readonly k: string }
  const everything = Buffer.concat([await postgres.everything(), Buffer.from(logged.join('\n'))])
  for (const form of [k, Buffer.from(k, 'base64url').toString('hex'), reason]) {
    expect(logged.join('\n').includes(form)).toBe(false)
  }
  expect(everything.includes(k)).toBe(false)
})

test('whoever asks does not approve it, and nobody else uses it', async () => {
  const asked = await ask()
  expect(await step('alice', 'approve', asked)).toMatchObject({
    status: 403,
    code: 'break-glass-own',
  })
  await step('bob', 'approve', asked)
  expect((await step('bob', 'use', asked)).code).toBe('break-glass-foreign')
  expect((await step('carol', 'approve', asked)).code).toBe('break-glass-state')
  expect(await audited()).toEqual([
    'request done',
    'approve break-glass-own',
    'approve done',
    'use break-glass-foreign',
    'approve break-glass-state',
  ])
})

test('a request waits for its time and no longer, and so does an approval', async () => {
  const late = await ask()
  seconds += 600
  expect(await step('bob', 'approve', late)).toMatchObject({
    status: 409,
    code: 'break-glass-expired',
  })
  const asked = await ask()
  await step('bob', 'approve', asked)
  seconds += 240
  const unused = await ask('carol')
  await step('bob', 'approve', unused)
  expect((await step('alice', 'use', asked)).status).toBe(200)
  seconds += 300
  expect((await step('carol', 'use', unused)).code).toBe('break-glass-expired')
  expect((await step('carol', 'use', unused)).code).toBe('break-glass-expired')
  expect(await audited()).toEqual([
    'request done',
    'expire done',
    'approve break-glass-expired',
    'request done',
    'approve done',
    'request done',
    'approve done',
    'use done',
    'expire done',
    'use break-glass-expired',
    'use break-glass-expired',
  ])
})

test('one that expires while nobody asks for it is written down, once', async () => {
  await ask()
  seconds += 601
  const auditor = await people.tokenOf(['auditor'])
  for (let time = 0; time < 2; time++) {
    const { body } = await call(auditor, 'GET', '/break-glass')
    expect(body['value']).toMatchObject([{ state: 'expired', requestedBy: 'alice' }])
  }
  expect(await audited()).toEqual(['request done', 'expire done'])
})

test('a request can be refused, also once it is approved, and then is over', async () => {
  const asked = await ask()
  await step('bob', 'approve', asked)
  expect(await step('carol', 'refuse', asked)).toMatchObject({ body: { state: 'refused' } })
  expect((await step('alice', 'use', asked)).code).toBe('break-glass-state')
  expect((await step('carol', 'refuse', asked)).code).toBe('break-glass-state')
  const withdrawn = await ask()
  expect((await step('alice', 'refuse', withdrawn)).status).toBe(200)
  expect((await step('bob', 'approve', withdrawn)).code).toBe('break-glass-state')
})

test('a question without a reason, of a key that is not named, or for a weak key is refused, and written down', async () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  const text = (key: typeof weak) => key.export({ format: 'der', type: 'spki' }).toString('base64')
  const cases = [
    [{ reason: 'short' }, 'reason-refused'],
    [{ reason: `two lines\nof a reason` }, 'reason-refused'],
    [{ reason: 'x'.repeat(600) }, 'reason-refused'],
    [{ key: 'other' }, 'break-glass-key'],
    [{ key: 'nothing' }, 'break-glass-key'],
    [{ recipient: text(weak) }, 'recipient-refused'],
    [{ recipient: text(curve) }, 'recipient-refused'],
    [{ recipient: 'AAAA' }, 'recipient-refused'],
    [{ version: '0'.repeat(32) }, 'key-version-unknown'],
  ] as const
  for (const [more, code] of cases) expect((await ask('alice', more)).code).toBe(code)
  expect(await audited()).toEqual(cases.map(([, code]) => `request ${code}`))
  expect((await ask('alice', { more: 1 })).status).toBe(400)
})

test('a key that was disabled meanwhile is not given out', async () => {
  const asked = await ask()
  await step('bob', 'approve', asked)
  const officer = await people.tokenOf(['officer'])
  const { version } = asked.body
  await call(officer, 'PATCH', `/keys/platform-master/${String(version)}?api-version=7.4`, {
    attributes: { enabled: false },
  })
  expect((await step('alice', 'use', asked)).code).toBe('key-disabled')
})

test('other roles are not let in, an auditor sees the list, and strangers see nothing', async () => {
  const asked = await ask()
  for (const role of ['officer', 'reader', 'user', 'releaser', 'auditor']) {
    const token = await people.tokenOf([role])
    const approved = await call(token, 'POST', `/break-glass/${String(asked.body['id'])}/approve`)
    expect(approved).toMatchObject({ status: 403, code: 'role-insufficient' })
  }
  expect((await call('', 'GET', '/break-glass')).status).toBe(401)
  const { privateKey } = await generateKeyPair('ES256')
  const forged = await new SignJWT({ roles: ['custodian'], sub: 'mallory' })
    .setProtectedHeader({ alg: 'ES256', kid: 'people', typ: 'at+jwt' })
    .setIssuer(people.settings.issuer)
    .setAudience(people.settings.audience)
    .setExpirationTime('1h')
    .sign(privateKey)
  expect((await call(forged, 'GET', '/break-glass')).status).toBe(401)
  expect((await step('bob', 'approve', { ...asked, body: { id: 'x' } })).code).toBe(
    'break-glass-unknown',
  )
})

test('it is off unless it is configured', async () => {
  await broker.close()
  await start()
  expect(await ask()).toMatchObject({ status: 404, code: 'break-glass-off' })
  expect(await audited()).toEqual([])
})

test('whoever has the database alone neither approves a request nor has one used again', async () => {
  const asked = await ask()
  const [pending] = await postgres.run('select * from broker.break_glass')
  await step('bob', 'approve', asked)
  const [approved] = await postgres.run('select * from broker.break_glass')
  await step('alice', 'use', asked)
  const put = (row: Readonly<Record<string, unknown>> | undefined) =>
    postgres.run('update broker.break_glass set revision = $1, open = $2, sealed = $3', [
      row?.['revision'],
      row?.['open'],
      row?.['sealed'],
    ])
  // The row of before is whole: the log says that it was used.
  await put(approved)
  expect((await step('alice', 'use', asked)).code).toBe('break-glass-state')
  await put({ ...approved, revision: pending?.['revision'] })
  expect((await step('alice', 'use', asked)).code).toBe('break-glass-record-refused')
  await put({ ...approved, open: false })
  expect((await step('alice', 'use', asked)).code).toBe('break-glass-record-refused')
  await put(approved)
  await postgres.run(`update broker.break_glass set id = '00000000-0000-0000-0000-000000000000'`)
  const moved = { ...asked, body: { id: '00000000-0000-0000-0000-000000000000' } }
  expect((await step('alice', 'use', moved)).code).toBe('break-glass-record-refused')
})

test('one that was refused stays refused, whatever the database says of it', async () => {
  const asked = await ask()
  const rows = () => postgres.run('select * from broker.break_glass')
  const put = async (row: Readonly<Record<string, unknown>> | undefined): Promise<unknown> =>
    postgres.run('update broker.break_glass set revision = $1, open = $2, sealed = $3', [
      row?.['revision'],
      row?.['open'],
      row?.['sealed'],
    ])
  const [pending] = await rows()
  await step('bob', 'approve', asked)
  const [approved] = await rows()
  expect((await step('carol', 'refuse', asked)).status).toBe(200)
  await put(approved)
  expect((await step('alice', 'use', asked)).code).toBe('break-glass-state')
  await put(pending)
  expect((await step('bob', 'approve', asked)).code).toBe('break-glass-state')
})

test('only so many wait at once', async () => {
  for (let count = 0; count < 32; count++) expect((await ask()).status).toBe(200)
  expect(await ask()).toMatchObject({ status: 409, code: 'break-glass-too-many' })
})
