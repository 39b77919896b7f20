/** What the service in a TEE keeps, over updates of its machine and over the update to local secrets. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeInitTimeData } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor, sampleCpuSvn } from '@sealward/attestation/sample'
import type { SigningKeys } from '@sealward/attestation/token'
import { holdMasterKeys } from '@sealward/enclave/database'
import { createSampleTee, type SampleTeeOptions, type Tee } from '@sealward/enclave/evidence'
import { createSealer, masterKeyOf } from '@sealward/enclave/sealing'
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
} from '../../../packages/enclave/src/testing/postgres.ts'
import { sampleInitTimeData } from '../../../packages/enclave/src/testing/sample.ts'
import { type AttestationConfig, attestationConfig } from './config.ts'
import { openInstance } from './instances/open-instance.ts'
import { startAttestationService } from './start.ts'
import { openStore } from './store/open-store.ts'
import { issuer } from './testing/attester.fixtures.ts'

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
  folder = await mkdtemp(join(tmpdir(), 'sealward-attestation-'))
  lines = []
  await postgres.run('drop schema if exists attestation cascade')
})
afterEach(() => rm(folder, { recursive: true }))

const file = (): string => join(folder, 'local-secret')

type Machine = Partial<SampleTeeOptions>

const teeOn = (machine: Machine): Promise<Tee> =>
  createSampleTee({
    vendor,
    initTimeData: encodeInitTimeData(
      sampleInitTimeData({
        role: 'attestation-service',
        attestation: { issuer, signers: [], policyHashes: ['A'.repeat(43)] },
        roots: [vendor.rootSpkiSha256],
      }),
    ),
    mrEnclave: new Uint8Array(32).fill(1),
    mrSigner: new Uint8Array(32).fill(2),
    isvProdId: 4,
    isvSvn: 1,
    hostSecret,
    ...machine,
  })

function configWith(sealingPolicy: string): AttestationConfig {
  return attestationConfig.parse({
    stateFolder: folder,
    sealingPolicy,
    pcsUrl: 'http://127.0.0.1:1',
    kdsUrl: 'http://127.0.0.1:1',
    instances: [{ name: 'default', issuer, development: true, roots: [vendor.rootSpkiSha256] }],
  })
}

/** The id of the key that it signs with; or the code with which it does not start. */
async function started(policy: string, machine: Machine = {}): Promise<string> {
  try {
    const running = await startAttestationService({
      config: configWith(policy),
      databaseUrl: postgres.url,
      tee: await teeOn(machine),
      log: createLogger('attestation-service', { write: (line) => lines.push(line) }),
    })
    try {
      const response = await fetch(`http://127.0.0.1:${running.ports['http']}/certs`)
      const { keys } = (await response.json()) as SigningKeys
      return `signs with ${keys.map(({ kid }) => kid).join(' ')}`
    } finally {
      await running.close()
    }
  } catch (error) {
    if (error instanceof StartRefusal) return error.problem.code
    throw error
  }
}

/** A database as services left it that sealed under the sealing key itself. */
async function madeBefore(): Promise<void> {
  const tee = await teeOn({})
  const sealer = createSealer(await masterKeyOf(tee), { random })
  const database = await openStore({ url: postgres.url })
  await holdMasterKeys(database, 'attestation', sealer.keys)
  const [instance] = configWith('mrsigner').instances
  const opened = await openInstance(instance, { database, sealer, clock, random, tee })
  expect(opened.ok).toBe(true)
  await database.destroy()
}

const rows = () => postgres.run('select kid from attestation.signing_key')

describe.each(['mrsigner', 'mrenclave'])('under %s', (policy) => {
  test('signing keys outlive an update, after which the security version of before opens nothing', async () => {
    const before = await started(policy)
    expect(before).toMatch(/^signs with [\w-]{20,}$/)
    expect(await started(policy, { cpuSvn: updated, olderSealingKeys: true })).toBe(before)
    expect(lines.filter((line) => line.includes('secret-sealed-again'))).toHaveLength(1)
    expect(await started(policy, { cpuSvn: updated })).toBe(before)
    expect(await started(policy)).toBe('local-secret-refused')
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
    expect(await rows()).toHaveLength(1)
    expect(await started(policy)).toBe(before)
  })

  test('a file that is lost or damaged is said, and no other key takes its place', async () => {
    const before = await started(policy)
    const kept = await readFile(file(), 'utf8')
    await rm(file())
    expect(await started(policy)).toBe('local-secret-missing')
    await writeFile(file(), kept.slice(0, 40))
    expect(await started(policy)).toBe('local-secret-malformed')
    await writeFile(file(), kept.replace(/"sealed": ".{8}/, '"sealed": "AAAAAAAA'))
    expect(await started(policy)).toBe('local-secret-refused')
    expect(await rows()).toHaveLength(1)
    await writeFile(file(), kept)
    expect(await started(policy)).toBe(before)
  })
})

test('state that was sealed under the sealing key itself opens, and outlives updates from then on', async () => {
  await madeBefore()
  const [row] = await rows()
  const before = `signs with ${String(row?.['kid'])}`
  expect(await started('mrsigner')).toBe(before)
  expect(await started('mrsigner', { cpuSvn: updated, olderSealingKeys: true })).toBe(before)
  expect(await started('mrsigner', { cpuSvn: updated })).toBe(before)
  // The old sealing key is no secret of its own any more: without the file it is missed.
  await rm(file())
  expect(await started('mrsigner', { cpuSvn: updated })).toBe('local-secret-missing')
})

test('a sealing key that all versions of the code can make is not taken where this very code is named', async () => {
  await madeBefore()
  expect(await started('mrenclave')).toBe('local-secret-missing')
  await expect(readFile(file())).rejects.toMatchObject({ code: 'ENOENT' })
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
  await postgres.run('drop schema attestation cascade')
  await rm(file())
  await started('mrenclave')
  expect(await started('mrenclave', newer)).toBe('local-secret-refused')
  // Nor does another policy than the one that it was sealed under.
  expect(await started('mrsigner')).toBe('local-secret-refused')
})

test('a folder that cannot be written is said before anything is sealed', async () => {
  await writeFile(join(folder, 'file'), '')
  const stateFolder = join(folder, 'file', 'state')
  const start = startAttestationService({
    config: { ...configWith('mrsigner'), stateFolder },
    databaseUrl: postgres.url,
    tee: await teeOn({}),
    log: createLogger('attestation-service', { write: (line) => lines.push(line) }),
  })
  await expect(start).rejects.toMatchObject({ problem: { code: 'local-secret-unavailable' } })
  expect(await rows()).toEqual([])
})
