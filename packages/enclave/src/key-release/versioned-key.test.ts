import { ok, type Result } from '@sealward/attestation/bytes'
import type { InitTimeData } from '@sealward/attestation/evidence'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { failure } from '../peers/index.ts'
import { createLogger } from '../telemetry/index.ts'
import { startTestPostgres, type TestPostgres } from '../testing/postgres.ts'
import { sampleInitTimeData } from '../testing/sample.ts'
import { boundSecret } from './bound-secret.ts'
import type { KeyReleaseFailure } from './key-broker.ts'
import { openKnownVersions } from './known-versions.ts'
import type { ReleasedKey, WantedKey } from './open-release.ts'
import { openVersionedKey, type VersionedKey } from './versioned-key.ts'

const wanted = { name: 'platform-master', type: { kty: 'oct', bytes: 32 } } as const
const log = createLogger('test', { level: 'silent' })
let postgres: TestPostgres
beforeAll(async () => {
  postgres = await startTestPostgres()
}, 60_000)
afterAll(() => postgres.stop())
beforeEach(() => postgres.run('drop schema if exists key_release cascade'))

/** A broker with these versions, the newest last. */
function brokerOf(versions: readonly string[]) {
  const state = { versions: [...versions], away: false, asked: [] as string[] }
  return Object.assign(state, {
    async release({ name, version }: WantedKey): Promise<Result<ReleasedKey, KeyReleaseFailure>> {
      const which = version ?? state.versions.at(-1) ?? ''
      state.asked.push(which)
      if (state.away) return failure('unavailable', 'key-broker-unreachable', '', 'away')
      const index = state.versions.indexOf(which)
      if (index < 0) return failure('refused', 'key-unknown', '', 'no such version')
      const kid = `https://broker.example/keys/${name}/${which}`
      const secret = new Uint8Array(32).fill(index)
      return ok({ kid, name, version: which, createdAt: 1000 + index, secret })
    },
  })
}

async function opened(broker: ReturnType<typeof brokerOf>): Promise<VersionedKey> {
  const known = await openKnownVersions({ url: postgres.url })
  const key = await openVersionedKey({ broker, wanted, known, waiting: { log } })
  if (!key.ok) throw new Error(key.problem.code)
  const { value } = key
  return {
    ...value,
    close: async () => {
      await value.close()
      await known.close()
    },
  }
}

const named = (key: VersionedKey): readonly string[] => key.versions().map(({ version }) => version)

test('a workload that starts after a rotation has the versions that were in use before, and no others', async () => {
  const broker = brokerOf(['v1'])
  const first = await opened(broker)
  expect(named(first)).toEqual(['v1'])
  broker.versions.push('v2', 'v3')
  const second = await opened(broker)
  // Nobody has used the one in between.
  expect(named(second)).toEqual(['v3', 'v1'])
  await first.renew()
  expect(named(first)).toEqual(['v3', 'v1'])
  await Promise.all([first.close(), second.close()])
})

test('a version that the broker has no more is left out, and one that nobody made is asked for in vain', async () => {
  const broker = brokerOf(['v1', 'v2'])
  const known = await openKnownVersions({ url: postgres.url })
  for (const version of ['v1', 'purged', 'v1', '../../keys/another-key/v9', 'v1/release?', ''])
    await known.add('platform-master', version)
  await known.add('another-key', 'v9')
  await known.close()
  const key = await opened(broker)
  expect(named(key)).toEqual(['v2', 'v1'])
  // What would be another path, or none, is no version.
  expect(new Set(broker.asked)).toEqual(new Set(['v2', 'v1', 'purged']))
  await key.close()
})

test('however many versions somebody writes into the database, a start asks for no more than a ring holds', async () => {
  const broker = brokerOf(['v1'])
  await (await opened(broker)).close()
  await postgres.run(`insert into key_release.known_version
    select 'platform-master', 'x' || n, now() - interval '1 day' from generate_series(1, 500) n`)
  broker.asked = []
  const key = await opened(broker)
  expect(named(key)).toEqual(['v1'])
  expect(broker.asked.length).toBeLessThanOrEqual(64)
  await key.close()
})

test('a version that is let go of and taken out is not asked for again; the current one stays', async () => {
  const broker = brokerOf(['v1'])
  await (await opened(broker)).close()
  broker.versions.push('v2')
  const key = await opened(broker)
  expect(named(key)).toEqual(['v2', 'v1'])
  const known = await openKnownVersions({ url: postgres.url })
  await known.remove('another-key', 'v1')
  expect(await known.of('platform-master')).toEqual(['v1', 'v2'])
  await known.remove('platform-master', 'v1')
  for (const version of ['v1', 'v2']) key.forget(version)
  await key.renew()
  expect(named(key)).toEqual(['v2'])
  await Promise.all([key.close(), known.close()])
})

test('with the broker away a renewal fails, and what is held stays', async () => {
  const broker = brokerOf(['v1'])
  const key = await opened(broker)
  broker.away = true
  await expect(key.renew()).rejects.toThrow('key-broker-unreachable')
  expect(named(key)).toEqual(['v1'])
  await key.close()
})

test('what is made of a released key is of one purpose, deployment, role, identity provider, restorers, and production or not', () => {
  const released = new Uint8Array(32).fill(1)
  const identity = { issuer: 'https://hospital.example', audience: 'platform', roleClaim: 'roles' }
  const made = (changes: Partial<InitTimeData>, purpose = 'master'): string =>
    Buffer.from(
      boundSecret(released, sampleInitTimeData({ identity, ...changes }), purpose),
    ).toString('hex')
  const others = [
    made({}, 'channel'),
    made({ deployment: 'urn:uuid:00000000-0000-4000-8000-000000000002' }),
    made({ role: 'diagnostics' }),
    made({ identity: { ...identity, issuer: 'https://operator.example' } }),
    made({ development: !sampleInitTimeData().development }),
    made({ restorers: ['x'.repeat(43)] }),
  ]
  expect(made({ peers: [] })).toBe(made({}))
  expect(new Set([made({}), ...others]).size).toBe(7)
})

test('a broker that was put back to an older version does not have it used again for what is new', async () => {
  const broker = brokerOf(['v1'])
  const lines: string[] = []
  const told = createLogger('workload', { write: (line) => lines.push(line) })
  const known = { add: async () => {}, of: async () => [] }
  const key = await openVersionedKey({ broker, wanted, known, waiting: { log: told } })
  if (!key.ok) throw new Error(key.problem.code)
  broker.versions.push('v2')
  await key.value.renew()
  expect(named(key.value)).toEqual(['v2', 'v1'])
  broker.versions.pop()
  await key.value.renew()
  expect(named(key.value)).toEqual(['v2', 'v1'])
  expect(lines.join()).toContain('key-version-older')
  broker.versions.push('v2', 'v3')
  await key.value.renew()
  expect(named(key.value)).toEqual(['v3', 'v2', 'v1'])
  await key.value.close()
})
