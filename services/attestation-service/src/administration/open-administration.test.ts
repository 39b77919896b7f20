import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { attestationConfig, type InstanceConfig } from '../config.ts'
import { holdInstance } from '../instances/hold-instance.ts'
import { builtInPolicies } from '../policies/built-in-policies.ts'
import { type Database, openStore } from '../store/open-store.ts'
import { provider, sealer } from '../testing/administered.fixtures.ts'
import { movableClock, startOfTests } from '../testing/attester.fixtures.ts'
import { createTestSigner, type TestSigner } from '../testing/policy-signer.fixtures.ts'
import { openAdministration } from './open-administration.ts'
import { createPolicyStateStore } from './policy-state.ts'
import { readEvents } from './records.ts'

let postgres: TestPostgres
let database: Database
let folder: string
let first: TestSigner
let second: TestSigner
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
  folder = await mkdtemp(join(tmpdir(), 'sealward-administration-'))
  first = await createTestSigner('first')
  second = await createTestSigner('second')
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
  await rm(folder, { recursive: true })
})

const identityProvider = { issuer: provider.issuer, audience: provider.audience }

function configOf(instance: object): ReturnType<typeof attestationConfig.safeParse> {
  return attestationConfig.safeParse({
    stateFolder: folder,
    instances: [{ name: 'clinic', issuer: 'https://clinic.example', ...instance }],
  })
}

function instanceOf(instance: object): InstanceConfig {
  const config = configOf(instance)
  if (!config.success) throw config.error
  return config.data.instances[0]
}

async function pemFile(name: string, ...parts: readonly string[]): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, parts.join(''))
  return file
}

async function opened(instance: object) {
  const config = instanceOf(instance)
  expect(await holdInstance(database, config)).toMatchObject({ ok: true })
  const defaults = await builtInPolicies({ development: false })
  const store = createPolicyStateStore({ database, sealer, instance: config.name })
  return openAdministration(config, { store, clock: movableClock(), defaults })
}

async function signersOf(instance: string): Promise<readonly string[]> {
  const state = await createPolicyStateStore({ database, sealer, instance }).read()
  if (!state.ok) throw new Error(state.problem.code)
  return state.value.signers.map(({ thumbprint }) => thumbprint)
}

test('every mode has what it needs, and nothing that would do nothing in it', () => {
  for (const [instance, path] of [
    [{ mode: 'entra' }, 'identityProvider'],
    [{ mode: 'isolated' }, 'policySignersFile'],
    [{ mode: 'isolated', policySignersFile: 'x', approvalSeconds: 600 }, 'approvalSeconds'],
    [{ mode: 'entra', identityProvider, policySignersFile: 'x' }, 'policySignersFile'],
    [{ identityProvider }, 'identityProvider'],
    [{ approvalSeconds: 600 }, 'approvalSeconds'],
    [
      { mode: 'entra', identityProvider: { ...identityProvider, url: 'http://127.0.0.1:1' } },
      'identityProvider',
    ],
    [{ mode: 'entra', identityProvider, approvalSeconds: 59 }, 'approvalSeconds'],
    [{ mode: 'open' }, 'mode'],
  ] as const) {
    const config = configOf(instance)
    expect([instance, config.error?.issues[0]?.path]).toEqual([instance, ['instances', 0, path]])
  }
  expect(instanceOf({})).toMatchObject({ mode: 'shared' })
  expect(instanceOf({ mode: 'entra', identityProvider })).toMatchObject({
    identityProvider: { roleClaim: 'roles' },
  })
})

test('the first signers come from a file, once; after that those in the database decide', async () => {
  const both = await pemFile('both.pem', first.certificatePem, '\n', second.certificatePem, '\n')
  expect(await opened({ mode: 'isolated', policySignersFile: both })).toMatchObject({ ok: true })
  const registered = (): Promise<readonly string[]> => signersOf('clinic')
  const expected = [first.thumbprint, second.thumbprint]
  expect(await registered()).toEqual(expected)
  const other = await createTestSigner('other')
  const file = await pemFile('other.pem', other.certificatePem)
  expect(await opened({ mode: 'isolated', policySignersFile: file })).toMatchObject({ ok: true })
  expect(await registered()).toEqual(expected)
  const events = await readEvents(database, 'clinic', { type: undefined, before: 100, limit: 10 })
  expect(events.map(({ action, actor }) => [action, actor])).toEqual(
    Array(2).fill(['add', { kind: 'operator' }]),
  )
})

test('a file that names no signer keeps the instance from starting, and says why', async () => {
  const leaf = await createTestSigner('leaf', { isCa: false })
  const old = await createTestSigner('old', { notAfter: startOfTests - 1 })
  const cases = [
    [join(folder, 'nowhere.pem'), /nowhere\.pem cannot be read/],
    [await pemFile('empty.pem', 'nothing'), /no PEM certificates: pem-malformed/],
    [await pemFile('leaf.pem', leaf.certificatePem), /signer-not-an-authority/],
    [
      await pemFile('old.pem', first.certificatePem, '\n', old.certificatePem),
      /signer-not-in-time/,
    ],
  ] as const
  for (const [policySignersFile, detail] of cases) {
    const instance = { name: 'strict', issuer: 'https://strict.example' }
    const result = await opened({ ...instance, mode: 'isolated', policySignersFile })
    expect(result).toMatchObject({
      ok: false,
      problem: {
        code: 'policy-signers-refused',
        at: 'instances.strict.policySignersFile',
        detail: expect.stringMatching(detail),
      },
    })
    expect(await signersOf('strict')).toEqual([])
  }
})

test('two replicas that start at once register the first signers once', async () => {
  const file = await pemFile('first.pem', first.certificatePem)
  const instance = { name: 'twice', issuer: 'https://twice.example' }
  const replicas = await Promise.all([
    opened({ ...instance, mode: 'isolated', policySignersFile: file }),
    opened({ ...instance, mode: 'isolated', policySignersFile: file }),
  ])
  expect(replicas).toMatchObject([{ ok: true }, { ok: true }])
  const events = await readEvents(database, 'twice', { type: undefined, before: 100, limit: 10 })
  expect(events).toHaveLength(1)
})
