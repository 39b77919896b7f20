import { utf8Of } from '@sealward/attestation/bytes'
import { tokenLimits, verifyDenyList } from '@sealward/attestation/token'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { limits } from '../limits.ts'
import { type Database, openStore } from '../store/open-store.ts'
import {
  type Administered,
  administered,
  bearerOf,
  provider,
  sealer,
} from '../testing/administered.fixtures.ts'
import { startOfTests } from '../testing/attester.fixtures.ts'
import type { DenyRequest } from './deny-entry.ts'
import { createStoredDenials, type StoredDenials } from './stored-denials.ts'

let postgres: TestPostgres
let database: Database
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
})

const software = { kind: 'measurement', value: 'e1'.repeat(32), reason: 'CVE of the day' } as const
const machine = { kind: 'platform', value: '00606a000000', reason: 'a broken family' } as const
const alice = { kind: 'person', issuer: provider.issuer, subject: 'alice' } as const

const asked = (body: object): string => JSON.stringify(body)

async function published({ ask, clock, instance, key }: Administered) {
  const { status, body } = await ask('GET', '/deny-list')
  expect(status).toBe(200)
  const list = await verifyDenyList(String(body['token']), {
    issuer: instance.issuer,
    jwks: { keys: [key.jwk] },
    signers: [key.signer],
    at: clock.now(),
    clockSkewSeconds: 0,
  })
  if (!list.ok) throw new Error(list.problem.code)
  return list.value
}

/** Another replica of the instance, with its own memory. */
function replicaOf({ instance, clock }: Administered): StoredDenials {
  return createStoredDenials({ database, sealer, instance: instance.name, clock })
}

describe('administrators', () => {
  test('add and remove entries, and what is published follows', async () => {
    const it = await administered(database, { mode: 'entra' })
    expect(await published(it)).toMatchObject({ sequence: 0, issuedAt: startOfTests })
    const authorization = await bearerOf(['contributor'], 'alice')
    const added = await it.ask('POST', '/deny-list:add', { authorization, body: asked(software) })
    expect([added.status, added.body]).toEqual([
      200,
      {
        sequence: startOfTests,
        entries: [{ ...software, at: startOfTests, by: alice }],
      },
    ])
    const first = await published(it)
    expect(first.denied.measurement).toEqual(new Set([software.value]))
    await it.ask('POST', '/deny-list:add', { authorization, body: asked(machine) })
    const second = await published(it)
    expect(second.sequence).toBe(first.sequence + 1)
    it.clock.move(60)
    const removal = { ...software, reason: 'fixed' }
    await it.ask('POST', '/deny-list:remove', { authorization, body: asked(removal) })
    const third = await published(it)
    expect(third.sequence).toBe(startOfTests + 60)
    expect([third.denied.measurement, third.denied.platform]).toEqual([
      new Set(),
      new Set([machine.value]),
    ])
  })

  test('read who denied what, when and why, removals included', async () => {
    const it = await administered(database, { mode: 'entra' })
    const authorization = await bearerOf(['contributor'], 'alice')
    await it.ask('POST', '/deny-list:add', { authorization, body: asked(software) })
    it.clock.move(5)
    const removal = { ...software, reason: 'it was another build' }
    await it.ask('POST', '/deny-list:remove', { authorization, body: asked(removal) })
    const reader = { authorization: await bearerOf(['reader']) }
    expect((await it.ask('GET', '/deny-list/history', reader)).body).toEqual({
      changes: [
        {
          ...removal,
          action: 'allowed',
          at: startOfTests + 5,
          by: alice,
          sequence: startOfTests + 5,
        },
        { ...software, action: 'denied', at: startOfTests, by: alice, sequence: startOfTests },
      ],
    })
    expect((await it.ask('GET', '/deny-list/entries', reader)).body).toMatchObject({ entries: [] })
  })

  test('are asked who they are, and need the role', async () => {
    const it = await administered(database, { mode: 'entra' })
    const cases = [
      [undefined, 401, 'token-missing'],
      ['Bearer a.b.c', 401, 'token-refused'],
      [await bearerOf(['reader']), 403, 'role-insufficient'],
      [await bearerOf(['approver']), 403, 'role-insufficient'],
    ] as const
    for (const [authorization, status, code] of cases) {
      for (const path of ['/deny-list:add', '/deny-list:remove']) {
        const refused = await it.ask('POST', path, { authorization, body: asked(software) })
        expect(refused.status).toBe(status)
        if (code !== 'token-refused') expect(refused.code).toBe(code)
      }
    }
    for (const path of ['/deny-list/entries', '/deny-list/history']) {
      expect((await it.ask('GET', path)).code).toBe('token-missing')
    }
    expect((await published(it)).sequence).toBe(0)
  })

  test('of a shared instance do not exist', async () => {
    const it = await administered(database, { mode: 'shared' })
    const authorization = await bearerOf(['contributor'])
    const refused = await it.ask('POST', '/deny-list:add', { authorization, body: asked(software) })
    expect([refused.status, refused.code]).toEqual([400, 'instance-shared'])
  })

  test.each<[string, number, object | string]>([
    ['json-malformed', 400, '{'],
    ['field-missing', 400, { kind: 'policy', value: 'A'.repeat(43) }],
    ['wrong-value', 400, { ...software, reason: '  ' }],
    ['wrong-value', 400, { ...software, kind: 'vendor' }],
    ['wrong-value', 400, { ...software, value: 'E1'.repeat(32) }],
    ['wrong-value', 400, { ...machine, value: '00606a00000' }],
    ['too-long', 400, { ...software, reason: 'x'.repeat(limits.denyReasonCharactersMax + 1) }],
    ['field-unknown', 400, { ...software, until: 7 }],
    ['not-denied', 409, { ...software, value: '77'.repeat(32) }],
  ])('are told %s', async (code, status, body) => {
    const it = await administered(database, { mode: 'entra' })
    const authorization = await bearerOf(['contributor'])
    const text = typeof body === 'string' ? body : asked(body)
    const refused = await it.ask('POST', '/deny-list:remove', { authorization, body: text })
    expect(refused.status).toBe(status)
    expect(refused.code?.startsWith('json') === true ? 'json-malformed' : refused.code).toBe(code)
  })

  test('deny nothing twice, and no more than relying parties read', async () => {
    const it = await administered(database, { mode: 'entra' })
    const denials = replicaOf(it)
    expect(await denials.deny(alice, software)).toMatchObject({ ok: true })
    expect(await denials.deny(alice, software)).toMatchObject({
      problem: { code: 'already-denied' },
    })
    const entries = Array.from({ length: limits.denyEntriesMax }, (_, index) => ({
      ...software,
      at: startOfTests,
      by: alice,
      value: index.toString(16).padStart(64, '0'),
    }))
    const sequence = startOfTests + 1
    const address = { type: 'deny-list', id: it.instance.name, version: sequence }
    const sealed = Buffer.from(sealer.seal(address, utf8Of(JSON.stringify(entries))))
    await postgres.run(
      'update attestation.deny_list set sequence = $2, sealed = $3 where instance = $1',
      [it.instance.name, sequence, sealed],
    )
    expect((await published(it)).denied.measurement.size).toBe(limits.denyEntriesMax)
    expect(await denials.deny(alice, machine)).toMatchObject({
      problem: { code: 'deny-list-full' },
    })
  })

  test('may use names that tell nothing: the log has none of it', async () => {
    const it = await administered(database, { mode: 'entra' })
    const authorization = await bearerOf(['contributor'], 'canary-subject')
    const body = asked({ ...software, reason: 'canary-reason' })
    await it.ask('POST', '/deny-list:add', { authorization, body })
    await it.ask('POST', '/deny-list:add', { authorization, body })
    expect(it.lines.join('')).toContain('already-denied')
    expect(it.lines.join('')).not.toContain('canary')
    const everything = (await postgres.everything()).toString('latin1')
    expect(everything).not.toContain('canary-reason')
    expect(everything).not.toContain('canary-subject')
  })
})

describe('replicas', () => {
  test('know what another has changed after two seconds, and at once where it was changed', async () => {
    const it = await administered(database, { mode: 'entra' })
    const [one, other] = [replicaOf(it), replicaOf(it)]
    const measurementsOf = async (replica: StoredDenials) => {
      const state = await replica.current()
      if (!state.ok) throw new Error(state.problem.code)
      return state.value.denied.measurement.size
    }
    expect(await measurementsOf(other)).toBe(0)
    await one.deny(alice, software)
    expect(await measurementsOf(one)).toBe(1)
    expect(await measurementsOf(other)).toBe(0)
    it.clock.move(limits.denialsFreshSeconds)
    expect(await measurementsOf(other)).toBe(1)
  })

  test('whose clock is set back ask again, and go by nothing that was read at another time', async () => {
    const own = await startTestPostgres()
    const away = await openStore({ url: own.url })
    const it = await administered(away, { mode: 'entra' })
    const replica = () =>
      createStoredDenials({ database: away, sealer, instance: it.instance.name, clock: it.clock })
    const [one, other] = [replica(), replica()]
    expect(await other.current()).toMatchObject({ value: { sequence: 0 } })
    await one.deny(alice, software)
    it.clock.move(-3600)
    expect(await other.current()).toMatchObject({ value: { sequence: startOfTests } })
    await own.stop()
    it.clock.move(-limits.denialsStaleSecondsMax - 1)
    expect(await other.current()).toMatchObject({ problem: { code: 'store-unavailable' } })
    await away.destroy()
  }, 60_000)

  test('that change it at once lose no entry', async () => {
    const it = await administered(database, { mode: 'entra' })
    const requests = Array.from(
      { length: 12 },
      (_, index): DenyRequest => ({
        kind: 'token',
        value: `token-of-number-${index}`,
        reason: 'stolen',
      }),
    )
    await Promise.all(requests.map((request) => replicaOf(it).deny(alice, request)))
    expect(await replicaOf(it).entries()).toMatchObject({
      value: { sequence: startOfTests + 11, entries: { length: 12 } },
    })
    expect(await replicaOf(it).history()).toMatchObject({ value: { length: 12 } })
  })

  test('go on for a minute by what they know while the database is away, and no longer', async () => {
    const own = await startTestPostgres()
    const away = await openStore({ url: own.url })
    const it = await administered(away, { mode: 'entra' })
    const denials = it.instance.denials as StoredDenials
    await denials.deny(alice, software)
    await own.stop()
    it.clock.move(limits.denialsStaleSecondsMax)
    expect(await denials.current()).toMatchObject({ ok: true })
    it.clock.move(1)
    expect(await denials.current()).toMatchObject({ problem: { code: 'store-unavailable' } })
    const refused = await it.ask('GET', '/deny-list')
    expect([refused.status, refused.code]).toEqual([503, 'store-unavailable'])
    await away.destroy()
  }, 60_000)
})

test('answers that cross are no rollback: the newer list stays', async () => {
  const it = await administered(database, { mode: 'entra' })
  const denials = replicaOf(it)
  for (let index = 0; index < 8; index++) {
    const request = { kind: 'token', value: `crossing-${index}`, reason: 'stolen' } as const
    const [changed, ...read] = await Promise.all([
      denials.deny(alice, request),
      ...Array.from({ length: 8 }, () => denials.entries()),
    ])
    expect([changed, ...read].every((one) => one.ok)).toBe(true)
    const state = await denials.current()
    expect(state.ok && state.value.denied.token.size).toBe(index + 1)
  }
})

describe('whoever holds the database', () => {
  const rows = (name: string) =>
    postgres.run('select sequence, sealed from attestation.deny_list where instance = $1', [name])
  const put = (name: string, sequence: unknown, sealed: unknown) =>
    postgres.run(
      'update attestation.deny_list set sequence = $2, sealed = $3 where instance = $1',
      [name, sequence, sealed],
    )

  test('takes nothing out of the list and puts no older one in its place', async () => {
    const it = await administered(database, { mode: 'entra' })
    const { name } = it.instance
    const denials = replicaOf(it)
    await denials.deny(alice, machine)
    const [older] = await rows(name)
    await denials.deny(alice, software)
    const [newer] = await rows(name)
    const refused = { problem: { code: 'deny-list-refused' } }

    await put(name, older?.['sequence'], older?.['sealed'])
    expect(await denials.entries()).toMatchObject(refused)
    // Under its old content, the new number opens nothing, not even for a replica that starts now.
    await put(name, newer?.['sequence'], older?.['sealed'])
    expect(await denials.entries()).toMatchObject(refused)
    expect(await replicaOf(it).current()).toMatchObject(refused)
    await put(name, newer?.['sequence'], Buffer.alloc(40))
    expect(await replicaOf(it).deny(alice, software)).toMatchObject(refused)
    await postgres.run('delete from attestation.deny_list where instance = $1', [name])
    expect(await denials.entries()).toMatchObject(refused)

    await postgres.run('insert into attestation.deny_list values ($1, $2, $3)', [
      name,
      newer?.['sequence'],
      newer?.['sealed'],
    ])
    expect(await denials.entries()).toMatchObject({ ok: true })
  })

  test('does not use one instance’s list as another’s', async () => {
    const [one, other] = [
      await administered(database, { mode: 'entra' }),
      await administered(database, { mode: 'entra' }),
    ]
    await replicaOf(one).deny(alice, machine)
    await replicaOf(other).deny(alice, software)
    const [row] = await rows(one.instance.name)
    await put(other.instance.name, row?.['sequence'], row?.['sealed'])
    expect(await replicaOf(other).entries()).toMatchObject({
      problem: { code: 'deny-list-refused' },
    })
  })
})

test('a revoked token leaves the list when nobody can believe it any more, however long tokens may live, and its denial stays in the history', async () => {
  const it = await administered(database, { mode: 'entra' })
  const denials = replicaOf(it)
  const token = { kind: 'token', value: 'a-token-that-was-stolen', reason: 'stolen' } as const
  await denials.deny(alice, token)
  await denials.deny(alice, software)
  const tokens = async () => {
    const state = await denials.current()
    return state.ok ? state.value.denied.token.size : state.problem.code
  }
  it.clock.move(limits.attestationLifetimeSecondsMax + tokenLimits.clockSkewSecondsMax - 1)
  expect(await tokens()).toBe(1)
  it.clock.move(1)
  expect(await tokens()).toBe(0)
  await denials.deny(alice, machine)
  expect(await denials.entries()).toMatchObject({ value: { entries: { length: 2 } } })
  expect(await denials.history()).toMatchObject({ value: { length: 3 } })
})
