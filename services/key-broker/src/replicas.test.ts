/** Two brokers over one database, as processes of their own. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { utf8Of } from '@sealward/attestation/bytes'
import { createSampleVendor } from '@sealward/attestation/sample'
import { systemClock } from '@sealward/enclave/server'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  startAttestationService,
  type TestAttestationService,
} from '../../../packages/enclave/src/testing/attestation-service.ts'
import {
  startIdentityProvider,
  type TestIdentityProvider,
} from '../../../packages/enclave/src/testing/identity-provider.ts'
import { type Line, startLine } from '../../../packages/enclave/src/testing/line.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../packages/enclave/src/testing/postgres.ts'
import { createReplica, type Replica } from '../../../packages/enclave/src/testing/replica.ts'
import { type AuditKeyJwk, verifyCheckpoint } from './audit/checkpoint.ts'
import { createLogVerifier, type LogVerdict } from './audit/verify-log.ts'
import {
  claimsFor,
  createReleaseTarget,
  releasePolicyOf,
  type TestEntry,
  type VaultBody,
} from './testing/broker.fixtures.ts'

let folder: string
let postgres: TestPostgres
let line: Line
let people: TestIdentityProvider
let authority: TestAttestationService
let one: Replica
let other: Replica
let bearer: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-replicas-'))
  postgres = await startTestPostgres()
  const database = new URL(postgres.url)
  line = await startLine(Number(database.port))
  database.port = String(line.port)
  people = await startIdentityProvider(systemClock)
  authority = await startAttestationService(
    await createSampleVendor({ at: systemClock.now() }),
    systemClock,
  )
  bearer = await people.tokenOf(['officer', 'user', 'releaser', 'auditor'])
  const config = {
    publicUrl: 'https://keys.example',
    stateFolder: join(folder, 'state'),
    databaseUrl: database.href,
    development: true,
    identityProvider: people.settings,
    authorities: [
      {
        issuer: authority.issuer,
        signers: [authority.signer],
        policyHashes: [authority.policyHash],
        development: true,
      },
    ],
    limits: { requestsPerSecond: 10_000, burst: 10_000 },
    sweepSeconds: 1,
  }
  const main = fileURLToPath(new URL('main.ts', import.meta.url))
  one = await createReplica({ main, name: 'one', folder, config })
  other = await createReplica({ main, name: 'other', folder, config })
}, 60_000)
beforeEach(() => Promise.all([running(one), running(other)]), 30_000)
afterAll(async () => {
  await one.stop('SIGKILL')
  await other.stop('SIGKILL')
  await authority.close()
  await people.close()
  await line.close()
  await postgres.stop()
  await rm(folder, { recursive: true })
})

/** Starts a replica that has ended. */
async function running(replica: Replica): Promise<void> {
  const isThere = await fetch(`${replica.url}/healthz`).then(
    () => true,
    () => false,
  )
  if (!isThere) await replica.start()
}

interface Answer {
  readonly status: number
  readonly body: VaultBody
  readonly code: string | undefined
}

async function ask({ url }: Replica, method: string, path: string, body?: object): Promise<Answer> {
  const response = await fetch(`${url}${path}?api-version=7.4`, {
    method,
    headers: {
      authorization: `Bearer ${bearer}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = text === '' ? {} : JSON.parse(text)
  return { status: response.status, body: json, code: json.error?.innererror?.code }
}

const oct = { kty: 'oct', key_size: 256 }
const policy = () => ({
  anyOf: [
    { authority: authority.issuer, allOf: [{ claim: 'x-ms-attestation-type', equals: 'sgx' }] },
  ],
})
const exportable = () => ({
  ...oct,
  attributes: { exportable: true },
  release_policy: releasePolicyOf(policy()),
})

/** The whole audit log, as an auditor reads it, and what there is to say of it. */
async function audit(
  replica: Replica,
): Promise<{ readonly entries: readonly TestEntry[]; readonly verdict: LogVerdict }> {
  const get = async (path: string): Promise<string> => {
    const headers = { authorization: `Bearer ${bearer}` }
    return (await fetch(`${replica.url}${path}`, { headers })).text()
  }
  const { keys } = JSON.parse(await get('/audit/keys')) as { readonly keys: readonly AuditKeyJwk[] }
  const lines: string[] = []
  const entries: TestEntry[] = []
  for (let after = 0; ; ) {
    const page = (await get(`/audit?after=${after}&limit=1000`)).split('\n').filter(Boolean)
    if (page.length === 0) break
    lines.push(...page)
    const read = page
      .map((text) => JSON.parse(text))
      .filter((entry) => entry.checkpoint === undefined)
    entries.push(...read)
    after = entries.length
  }
  const verifier = createLogVerifier()
  for (const text of lines) {
    const { checkpoint } = JSON.parse(text) as { readonly checkpoint?: string }
    if (checkpoint === undefined) {
      verifier.add(utf8Of(text))
      continue
    }
    const verified = verifyCheckpoint(checkpoint, keys)
    if (!verified.ok) throw new Error(verified.problem.code)
    verifier.addCheckpoint(verified.value)
  }
  return { entries, verdict: verifier.end() }
}

async function versionsOf(replica: Replica, name: string): Promise<readonly string[]> {
  const kids: string[] = []
  for (let token = ''; ; ) {
    const response = await fetch(`${replica.url}/keys/${name}/versions?api-version=7.4${token}`, {
      headers: { authorization: `Bearer ${bearer}` },
    })
    const { value, nextLink } = (await response.json()) as {
      readonly value: readonly { readonly kid: string }[]
      readonly nextLink: string | null
    }
    kids.push(...value.map(({ kid }) => kid))
    if (nextLink === null) return kids
    token = `&$skiptoken=${new URL(nextLink).searchParams.get('$skiptoken')}`
  }
}

describe('two brokers over one database', () => {
  test('know of the same keys, at once', async () => {
    const made = await ask(one, 'POST', '/keys/shared/create', exportable())
    expect(made.status).toBe(200)
    expect((await ask(other, 'GET', '/keys/shared')).body).toEqual(made.body)
    const version = made.body.key.kid.split('/').at(-1)
    const disabled = { attributes: { enabled: false } }
    await ask(other, 'PATCH', `/keys/shared/${version}`, disabled)
    const target = createReleaseTarget()
    const token = await authority.issue(claimsFor(authority, target.publicJwk))
    const release = (replica: Replica): Promise<Answer> =>
      ask(replica, 'POST', '/keys/shared/release', { target: token })
    expect(await release(one)).toMatchObject({ status: 403, code: 'key-disabled' })
    await ask(one, 'PATCH', `/keys/shared/${version}`, { attributes: { enabled: true } })
    const opened = await Promise.all(
      [one, other].map(async (replica) => {
        const [, payload = ''] = (await release(replica)).body.value.split('.')
        const { response } = JSON.parse(Buffer.from(payload, 'base64url').toString())
        return target.open(response.key.key.key_hsm)
      }),
    )
    expect(opened[0]?.length).toBe(32)
    expect(opened[0]).toEqual(opened[1])
    const kids = await Promise.all(
      [one, other].map(async (replica) => {
        const [header = ''] = (await release(replica)).body.value.split('.')
        return JSON.parse(Buffer.from(header, 'base64url').toString()).kid
      }),
    )
    expect(kids[0]).toBe(kids[1])
  })

  test('lose no version of a key that both change at once', async () => {
    const makes = Array.from({ length: 20 }, (_, index) =>
      ask(index % 2 === 0 ? one : other, 'POST', '/keys/contended/create', oct),
    )
    const answers = await Promise.all(makes)
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    const made = answers.map(({ body }) => body.key.kid)
    const [seen, alsoSeen] = [
      await versionsOf(one, 'contended'),
      await versionsOf(other, 'contended'),
    ]
    expect(seen).toEqual(alsoSeen)
    expect([...seen].sort()).toEqual([...made].sort())
    expect((await ask(other, 'GET', '/keys/contended')).body.key.kid).toBe(seen.at(-1))
  })

  test('leave one audit log that is whole', async () => {
    const { entries, verdict } = await audit(one)
    expect(verdict.findings).toEqual([])
    const made = entries.filter(({ target }) => target.startsWith('keys/contended/'))
    expect(made.length).toBe(20)
    expect(verdict.entries).toBe(entries.length)
  })
})

test('a broker that is killed among its work leaves nothing half-written', async () => {
  for (let round = 0; round < 3; round++) {
    const names = Array.from({ length: 12 }, (_, index) => `killed-${round}-${index}`)
    const work = names.flatMap((name) => [
      ask(one, 'POST', `/keys/${name}/create`, exportable()),
      ask(one, 'POST', `/keys/${name}/create`, exportable()),
      ask(one, 'POST', `/keys/${name}/rotate`),
      ask(one, 'DELETE', `/keys/${name}`),
    ])
    const settled = Promise.allSettled(work)
    // In the middle: some have been answered, and some have not.
    await Promise.race(work.slice(12))
    await one.stop('SIGKILL')
    const outcomes = await settled
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)

    const { entries, verdict } = await audit(other)
    expect(verdict.findings).toEqual([])
    for (const name of names) {
      const own = entries.filter(
        ({ target }) => target === `keys/${name}` || target.startsWith(`keys/${name}/`),
      )
      const made = own.filter(({ action }) => /^key-(create|rotate)$/.test(action))
      const isDeleted = own.some(({ action }) => action === 'key-delete')
      // What the log says was done was done, and nothing else.
      const path = isDeleted ? `/deletedkeys/${name}` : `/keys/${name}`
      const answer = await ask(other, 'GET', path)
      expect([name, answer.status]).toEqual([name, made.length === 0 ? 404 : 200])
      if (isDeleted) await ask(other, 'POST', `/deletedkeys/${name}/recover`)
      if (made.length > 0) {
        const kids = await versionsOf(other, name)
        const targets = made.map(({ target }) => `https://keys.example/${target}`)
        expect(kids).toEqual(targets)
      }
    }
    // An answer that somebody had is what is there.
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected' || outcome.value.status !== 200) continue
      const { kid } = outcome.value.body.key
      expect((await ask(other, 'GET', new URL(kid).pathname)).status).toBe(200)
    }
    await one.start()
    expect((await ask(one, 'GET', `/keys/${names[0]}`)).code).not.toBe('record-refused')
  }
}, 60_000)

test('while the database is away nothing is answered but that, and nothing is released', async () => {
  const target = createReleaseTarget()
  const token = await authority.issue(claimsFor(authority, target.publicJwk))
  await ask(one, 'POST', '/keys/away/create', exportable())
  const asks = [
    ['GET', '/keys/away'],
    ['GET', '/keys'],
    ['GET', '/keys/away/versions'],
    ['GET', '/deletedkeys'],
    ['POST', '/keys/away/create', oct],
    ['POST', '/keys/away/rotate'],
    ['DELETE', '/keys/away'],
    ['POST', '/keys/away/backup'],
    ['POST', '/keys/away/release', { target: token }],
  ] as const
  line.cut()
  try {
    for (const [method, path, body] of asks) {
      const answer = await ask(one, method, path, body)
      expect([path, answer.status, answer.code]).toEqual([path, 503, 'store-unavailable'])
    }
  } finally {
    line.mend()
  }
  expect((await ask(one, 'POST', '/keys/away/release', { target: token })).status).toBe(200)
  expect((await audit(one)).verdict.findings).toEqual([])
})

test('a record that somebody changed, moved or put back in the database is not used', async () => {
  const made = await ask(one, 'POST', '/keys/tampered/create', exportable())
  await ask(one, 'POST', '/keys/bystander/create', exportable())
  const version = made.body.key.kid.split('/').at(-1)
  const rows = (table: string, column: string) =>
    postgres.run(`select * from broker.${table} where ${column} = 'tampered'`)
  const [key] = await rows('key', 'name')
  const [old] = await rows('key_version', 'key')
  const weaker = {
    anyOf: [{ authority: 'https://a.example', anyOf: [{ claim: 'a', exists: true }] }],
  }
  await ask(one, 'PATCH', `/keys/tampered/${version}`, {
    release_policy: releasePolicyOf(weaker),
  })
  const [current] = await rows('key_version', 'key')
  const [currentKey] = await rows('key', 'name')
  const refused = { status: 503, code: 'record-refused' }
  const put = (row: Record<string, unknown> | undefined): Promise<unknown> =>
    postgres.run('update broker.key_version set revision = $1, sealed = $2 where key = $3', [
      row?.['revision'],
      row?.['sealed'],
      'tampered',
    ])
  const putKey = (row: Record<string, unknown> | undefined): Promise<unknown> =>
    postgres.run('update broker.key set revision = $1, sealed = $2 where name = $3', [
      row?.['revision'],
      row?.['sealed'],
      'tampered',
    ])
  // The older policy, back in its place.
  await put(old)
  expect(await ask(other, 'GET', '/keys/tampered')).toMatchObject(refused)
  await put(current)
  expect((await ask(other, 'GET', '/keys/tampered')).status).toBe(200)
  // Of another key.
  const [theirs] = await postgres.run("select * from broker.key_version where key = 'bystander'")
  await put(theirs)
  expect(await ask(other, 'GET', '/keys/tampered')).toMatchObject(refused)
  await put(current)
  // The key's own record of before, which names the older revision of its version.
  await putKey(key)
  expect(await ask(other, 'GET', '/keys/tampered')).toMatchObject(refused)
  await putKey(currentKey)
  // What stands in clear beside it.
  await postgres.run("update broker.key set deleted = true where name = 'tampered'")
  expect(await ask(other, 'GET', '/keys/tampered')).toMatchObject(refused)
  await postgres.run("update broker.key set deleted = false where name = 'tampered'")
  // A version that is gone.
  await postgres.run("delete from broker.key_version where key = 'tampered'")
  expect(await ask(other, 'GET', '/keys/tampered')).toMatchObject(refused)
  expect((await ask(other, 'GET', '/keys/bystander')).status).toBe(200)
})
