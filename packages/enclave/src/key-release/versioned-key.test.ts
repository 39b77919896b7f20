import { ok } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import { createLogger } from '../telemetry/index.ts'
import type { ReleasedKey, WantedKey } from './open-release.ts'
import { openVersionedKey } from './versioned-key.ts'

const wanted: WantedKey = { name: 'platform-master', type: { kty: 'oct', bytes: 32 } }
const keyOf = (version: string, createdAt: number): ReleasedKey => ({
  kid: `https://broker.example/keys/platform-master/${version}`,
  name: 'platform-master',
  version,
  createdAt,
  secret: new Uint8Array(32),
})

test('a broker that was put back to an older version does not have it used again for what is new', async () => {
  const versions = [keyOf('1', 100)]
  const lines: string[] = []
  const log = createLogger('workload', { write: (line) => lines.push(line) })
  const opened = await openVersionedKey({
    broker: {
      release: async ({ version }) => {
        const key = versions.findLast((one) => version === undefined || one.version === version)
        if (key === undefined) throw new Error('no such version')
        return ok(key)
      },
    },
    wanted,
    known: { add: async () => {}, of: async () => [] },
    waiting: { log },
    everySeconds: 3600,
  })
  if (!opened.ok) throw new Error(opened.problem.code)
  const key = opened.value
  const current = (): string | undefined => key.versions()[0]?.version
  versions.push(keyOf('2', 200))
  await key.renew()
  expect(current()).toBe('2')
  versions.pop()
  await key.renew()
  expect(current()).toBe('2')
  expect(key.versions().map(({ version }) => version)).toEqual(['2', '1'])
  expect(lines.join()).toContain('key-version-older')
  versions.push(keyOf('3', 300))
  await key.renew()
  expect(current()).toBe('3')
  await key.close()
})
