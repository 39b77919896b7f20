import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKeyFile } from '@sealward/enclave/sealing'
import { systemRandom } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../packages/enclave/src/testing/postgres.ts'
import { brokerConfig } from './config.ts'
import { startKeyBroker } from './start.ts'

let postgres: TestPostgres
let folder: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  folder = await mkdtemp(join(tmpdir(), 'sealward-broker-'))
})
afterAll(async () => {
  await postgres.stop()
  await rm(folder, { recursive: true })
})

function start(state: string): ReturnType<typeof startKeyBroker> {
  const config = brokerConfig.parse({
    publicUrl: 'https://keys.example',
    stateFolder: join(folder, state),
  })
  return startKeyBroker({
    config,
    databaseUrl: postgres.url,
    log: createLogger('key-broker', { write: () => {} }),
  })
}

test('it starts again over the same database with the same key-encryption key, and with no other', async () => {
  const first = await start('state')
  const health = await fetch(`http://127.0.0.1:${first.ports['http']}/healthz`)
  expect(health.status).toBe(200)
  await first.close()
  const second = await start('state')
  await second.close()
  await expect(start('other')).rejects.toMatchObject({ problem: { code: 'key-file-refused' } })
  await openKeyFile(join(folder, 'other', 'key-encryption-key'), systemRandom)
  await expect(start('other')).rejects.toMatchObject({ problem: { code: 'another-master-key' } })
})

test('the key-encryption key is in no table', async () => {
  const text = await readFile(join(folder, 'state', 'key-encryption-key'), 'utf8')
  const everything = await postgres.everything()
  const key = Buffer.from(text.trim(), 'base64url')
  expect(key.length).toBe(32)
  for (const form of [key, key.toString('hex'), key.toString('base64'), text.trim()]) {
    expect(everything.includes(form)).toBe(false)
  }
})

test('a key-encryption key that others can read is refused', async () => {
  await chmod(join(folder, 'state', 'key-encryption-key'), 0o644)
  await expect(start('state')).rejects.toMatchObject({ problem: { code: 'key-file-refused' } })
})
