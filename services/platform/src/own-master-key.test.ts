import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeInitTimeData } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor, sampleCpuSvn } from '@sealward/attestation/sample'
import { createSampleTee } from '@sealward/enclave/evidence'
import { createSealer } from '@sealward/enclave/sealing'
import { StartRefusal, systemClock } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../packages/enclave/src/testing/postgres.ts'
import { endorsementsOf, sampleInitTimeData } from '../../../packages/enclave/src/testing/sample.ts'
import { openOwnMasterKey } from './own-master-key.ts'
import { draft, newDatabase, type TestDatabase, textAt, write } from './store/store.fixtures.ts'

let postgres: TestPostgres
let vendor: SampleVendor
const folder = mkdtempSync(join(tmpdir(), 'sealward-own-'))
const updated = sampleCpuSvn.map((svn, index) => (index === 0 ? svn + 1 : svn))

beforeAll(async () => {
  postgres = await startTestPostgres()
  vendor = await createSampleVendor({ at: systemClock.now() })
}, 60_000)

afterAll(async () => {
  await postgres?.stop()
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

interface Machine {
  readonly cpuSvn?: Uint8Array
  readonly isvSvn?: number
  readonly olderSealingKeys?: boolean
}

/** What a platform reads of a patient who was written before; or the code with which it does not start. */
async function started(
  database: TestDatabase,
  secretFile: string | undefined,
  machine: Machine = {},
  isFirst = false,
): Promise<string | undefined> {
  const tee = await createSampleTee({
    vendor,
    initTimeData: encodeInitTimeData(sampleInitTimeData()),
    mrEnclave: new Uint8Array(32).fill(1),
    mrSigner: new Uint8Array(32).fill(2),
    isvProdId: 1,
    isvSvn: 1,
    hostSecret: new Uint8Array(32).fill(3),
    ...machine,
  })
  try {
    const { key, close } = await openOwnMasterKey({
      tee,
      config: { databaseUrl: database.url, secretFile },
      endorsements: endorsementsOf(vendor, systemClock),
      log: createLogger('test', { write: () => {} }),
    })
    try {
      const store = await database.open({ sealer: createSealer(key, { tenant: 'hospital' }) })
      if (isFirst) await write(store, draft('a', 'erika'))
      return await textAt(store, 'Patient', 'a')
    } finally {
      await close()
      await database.close()
    }
  } catch (error) {
    if (error instanceof StartRefusal) return error.problem.code
    return error instanceof Error ? error.message : undefined
  }
}

test('what a secret in a file sealed is read after an update of the machine, and on', async () => {
  const database = await newDatabase(postgres)
  const file = join(folder, 'one', 'secret')
  expect(await started(database, file, {}, true)).toBe('erika')
  expect(await started(database, file)).toBe('erika')
  expect(await started(database, file, { cpuSvn: updated, olderSealingKeys: true })).toBe('erika')
  expect(await started(database, file, { cpuSvn: updated })).toBe('erika')
  // The key of before the update is not enough any more.
  expect(await started(database, file)).toBe('local-secret-refused')
})

test('an update that the secret cannot outlive is refused in words, and so is a secret that is gone: none is drawn', async () => {
  const database = await newDatabase(postgres)
  const file = join(folder, 'two', 'secret')
  expect(await started(database, file, {}, true)).toBe('erika')
  expect(await started(database, file, { cpuSvn: updated })).toBe('local-secret-refused')
  const elsewhere = join(folder, 'three', 'secret')
  expect(await started(database, elsewhere)).toBe('local-secret-missing')
  expect(await started(database, elsewhere)).toBe('local-secret-missing')
  expect(await started(database, file)).toBe('erika')
})

test('what the sealing key itself sealed opens once a file is named, and outlives updates from then on', async () => {
  const database = await newDatabase(postgres)
  const file = join(folder, 'four', 'secret')
  expect(await started(database, undefined, {}, true)).toBe('erika')
  expect(await started(database, file)).toBe('erika')
  expect(await started(database, file, { cpuSvn: updated, olderSealingKeys: true })).toBe('erika')
  expect(await started(database, file, { cpuSvn: updated })).toBe('erika')
})

test('a raised version of the code is outlived by a secret in a file, and by the sealing key itself not', async () => {
  const raised = { isvSvn: 2, olderSealingKeys: true }
  const database = await newDatabase(postgres)
  const file = join(folder, 'five', 'secret')
  expect(await started(database, file, {}, true)).toBe('erika')
  expect(await started(database, file, raised)).toBe('erika')
  expect(await started(database, file, { isvSvn: 2 })).toBe('erika')
  expect(await started(database, file, { olderSealingKeys: true })).toBe('local-secret-refused')
  const direct = await newDatabase(postgres)
  expect(await started(direct, undefined, {}, true)).toBe('erika')
  expect(await started(direct, undefined, raised)).toBe('key-unavailable')
  // Nor is it taken for the secret by the higher version: the lower one has it too, and names a file first.
  const first = join(folder, 'six', 'secret')
  expect(await started(direct, first, raised)).toBe('local-secret-missing')
  expect(await started(direct, first)).toBe('erika')
  expect(await started(direct, first, raised)).toBe('erika')
})

test('what the sealing key itself sealed is lost with the update, and said to be', async () => {
  const database = await newDatabase(postgres)
  expect(await started(database, undefined, {}, true)).toBe('erika')
  expect(await started(database, undefined, { cpuSvn: updated, olderSealingKeys: true })).toBe(
    'key-unavailable',
  )
})
