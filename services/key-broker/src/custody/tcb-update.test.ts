/** What opens the keys of a broker in a TEE, over updates of its machine and over the update to local secrets. */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeInitTimeData } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor, sampleCpuSvn } from '@sealward/attestation/sample'
import { createSampleTee, type SampleTeeOptions, type Tee } from '@sealward/enclave/evidence'
import { masterKeyIdOf, masterKeyOf } from '@sealward/enclave/sealing'
import {
  systemClock as clock,
  systemRandom as random,
  StartRefusal,
} from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { sampleInitTimeData } from '../../../../packages/enclave/src/testing/sample.ts'
import { brokerConfig } from '../config.ts'
import { openState } from '../start.ts'
import { openStore } from '../store/open-store.ts'
import { keyEncryptionOf } from './key-encryption.ts'
import { openRootKey, readWraps, unwrapRootKey } from './root-key.ts'

const updated = sampleCpuSvn.map((svn, index) => (index === 0 ? svn + 1 : svn))
const hostSecret = random.bytes(32)
let postgres: TestPostgres
let vendor: SampleVendor
let folder: string
let lines: string[]

beforeAll(async () => {
  postgres = await startTestPostgres()
  vendor = await createSampleVendor({ at: clock.now() })
}, 60_000)
afterAll(() => postgres?.stop())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-broker-'))
  lines = []
  await postgres.run('drop schema if exists broker cascade')
})
afterEach(() => rm(folder, { recursive: true }))

const file = (): string => join(folder, 'local-secret')

type Machine = Partial<SampleTeeOptions>

const teeOn = (machine: Machine): Promise<Tee> =>
  createSampleTee({
    vendor,
    initTimeData: encodeInitTimeData(sampleInitTimeData({ role: 'key-broker' })),
    mrEnclave: new Uint8Array(32).fill(1),
    mrSigner: new Uint8Array(32).fill(2),
    isvProdId: 5,
    isvSvn: 1,
    hostSecret,
    ...machine,
  })

/** The root key that it opens; or the code with which it does not start. */
async function started(policy: string, machine: Machine = {}): Promise<string> {
  const config = brokerConfig.parse({
    publicUrl: 'https://keys.example',
    stateFolder: folder,
    keyEncryption: { kind: 'tee', policy },
  })
  const log = createLogger('key-broker', { write: (line) => lines.push(line) })
  try {
    const tee = await teeOn(machine)
    const { database, rootKey } = await openState({ config, databaseUrl: postgres.url, tee, log })
    await database.destroy()
    return `opens ${Buffer.from(rootKey).toString('hex')}`
  } catch (error) {
    if (error instanceof StartRefusal) return error.problem.code
    throw error
  }
}

/** A database as brokers left it whose key-encryption key came of the sealing key itself. */
async function madeBefore(): Promise<string> {
  const database = await openStore({ url: postgres.url })
  const keyEncryption = keyEncryptionOf('tee', await masterKeyOf(await teeOn({})), random)
  const rootKey = await openRootKey(database, keyEncryption, { clock, random })
  await database.destroy()
  if (!rootKey.ok) throw new Error(rootKey.problem.code)
  return `opens ${Buffer.from(rootKey.value).toString('hex')}`
}

describe.each(['mrsigner', 'mrenclave'])('under %s', (policy) => {
  test('the root key outlives an update, after which the security version of before opens nothing', async () => {
    const before = await started(policy)
    expect(before).toMatch(/^opens [0-9a-f]{64}$/)
    expect(await started(policy, { cpuSvn: updated, olderSealingKeys: true })).toBe(before)
    expect(lines.filter((line) => line.includes('secret-sealed-again'))).toHaveLength(1)
    expect(await started(policy, { cpuSvn: updated })).toBe(before)
    expect(await started(policy)).toBe('local-secret-refused')
    expect(await readdir(folder)).toEqual(['local-secret'])
  })

  test('it outlives a version of the code that is raised, after which the version of before opens nothing', async () => {
    const before = await started(policy)
    expect(await started(policy, { isvSvn: 2 })).toBe('local-secret-refused')
    expect(await started(policy, { isvSvn: 2, olderSealingKeys: true })).toBe(before)
    expect(await started(policy, { isvSvn: 2 })).toBe(before)
    expect(await started(policy, { isvSvn: 1, olderSealingKeys: true })).toBe(
      'local-secret-refused',
    )
  })

  test('an update under a runtime that gives the current key only is refused, and its taking back opens again', async () => {
    const before = await started(policy)
    expect(await started(policy, { cpuSvn: updated })).toBe('local-secret-refused')
    expect(await started(policy)).toBe(before)
  })

  test('a file that is lost or damaged is said, and no other key takes its place', async () => {
    const before = await started(policy)
    const kept = await readFile(file(), 'utf8')
    await rm(file())
    expect(await started(policy)).toBe('local-secret-missing')
    await writeFile(file(), '{}')
    expect(await started(policy)).toBe('local-secret-malformed')
    await writeFile(file(), kept.replace(/"sealed": ".{8}/, '"sealed": "AAAAAAAA'))
    expect(await started(policy)).toBe('local-secret-refused')
    await writeFile(file(), kept)
    expect(await started(policy)).toBe(before)
  })
})

test('a key-encryption key that was the sealing key itself opens, and outlives updates from then on', async () => {
  const before = await madeBefore()
  expect(await started('mrsigner')).toBe(before)
  expect(await started('mrsigner', { cpuSvn: updated, olderSealingKeys: true })).toBe(before)
  expect(await started('mrsigner', { cpuSvn: updated })).toBe(before)
  const database = await openStore({ url: postgres.url })
  expect(await readWraps(database)).toMatchObject([
    { kind: 'tee', id: masterKeyIdOf(await masterKeyOf(await teeOn({}))) },
  ])
  await database.destroy()
  await rm(file())
  expect(await started('mrsigner', { cpuSvn: updated })).toBe('local-secret-missing')
})

test('a key-encryption key that all versions of the code can make is not taken where this very code is named', async () => {
  const before = await madeBefore()
  expect(await started('mrenclave')).toBe('local-secret-missing')
  expect(await readdir(folder)).toEqual([])
  // Nor where the database only names it: a root key is drawn then, under a secret of this very code.
  await postgres.run('delete from broker.root_key')
  expect(await started('mrenclave')).toMatch(/^opens [0-9a-f]{64}$/)
  const database = await openStore({ url: postgres.url })
  const direct = keyEncryptionOf('tee', await masterKeyOf(await teeOn({})), random)
  expect(await unwrapRootKey(database, direct)).toMatchObject({ ok: false })
  await database.destroy()
  expect(await started('mrenclave')).not.toBe(before)
})

test('a sealing key of a lower version of the code does not become the secret of a higher one', async () => {
  await madeBefore()
  expect(await started('mrsigner', { isvSvn: 2, olderSealingKeys: true })).toBe(
    'local-secret-missing',
  )
  // Once it is a secret, by code of its own version, it opens.
  const before = await started('mrsigner')
  expect(await started('mrsigner', { isvSvn: 2, olderSealingKeys: true })).toBe(before)
})

test('a new version of the code opens what mrsigner keeps, and not what mrenclave does', async () => {
  const newer = { mrEnclave: new Uint8Array(32).fill(9) }
  const before = await started('mrsigner')
  expect(await started('mrsigner', newer)).toBe(before)
  await postgres.run('drop schema broker cascade')
  await rm(file())
  await started('mrenclave')
  expect(await started('mrenclave', newer)).toBe('local-secret-refused')
  expect(await started('mrsigner')).toBe('local-secret-refused')
})

test('the secret of another database opens no root key', async () => {
  await started('mrsigner')
  const other = await readFile(file())
  await postgres.run('drop schema broker cascade')
  await rm(file())
  await started('mrsigner')
  await writeFile(file(), other)
  expect(await started('mrsigner')).toBe('another-master-key')
})
