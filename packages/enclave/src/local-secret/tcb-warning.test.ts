import { setTimeout as sleep } from 'node:timers/promises'
import type { TcbStatus } from '@sealward/attestation/endorsements'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { beforeAll, expect, test } from 'vitest'
import { systemClock } from '../effects/index.ts'
import type { PcsClient } from '../endorsements/index.ts'
import type { Tee } from '../evidence/index.ts'
import { createLogger } from '../telemetry/index.ts'
import { sampleIdentity } from '../testing/sample.ts'
import { type TcbWarningOptions, tcbWarning, watchSecret } from './tcb-warning.ts'

let vendor: SampleVendor
let tee: Tee

beforeAll(async () => {
  vendor = await createSampleVendor({ at: systemClock.now() })
  tee = (await sampleIdentity({ vendor })).tee
})

/** What the vendor says of the machine today, and early. */
function about(today: TcbStatus, soon: TcbStatus, wraps: readonly string[]): TcbWarningOptions {
  const endorsements: PcsClient = {
    endorsementsFor: async (_, baseline) => ({
      ok: true,
      value: await vendor.endorsements({
        at: systemClock.now(),
        lifetimeSeconds: 3600,
        tcbStatus: baseline === 'early' ? soon : today,
      }),
    }),
    close: async () => {},
  }
  return {
    tee,
    endorsements,
    roots: [vendor.rootSpkiSha256],
    clock: systemClock,
    secret: { wraps },
  }
}

test('a machine that is up to date, and stays so, gives no warning', async () => {
  expect(await tcbWarning(about('UpToDate', 'UpToDate', ['tee']))).toEqual({
    ok: true,
    value: undefined,
  })
})

test('before an update it is said how long there is, and whether the secret is ready', async () => {
  const warned = await tcbWarning(about('UpToDate', 'OutOfDate', ['tee']))
  expect(warned).toMatchObject({
    value: { today: 'UpToDate', soon: 'OutOfDate', isReady: false },
  })
  const until = (warned.ok && warned.value?.standsUntil) || 0
  expect(until - systemClock.now()).toBeGreaterThan(3500)
  expect(until - systemClock.now()).toBeLessThanOrEqual(3600)
  expect(await tcbWarning(about('UpToDate', 'OutOfDate', ['tee', 'key-broker']))).toMatchObject({
    value: { isReady: true },
  })
})

test('where the update is due already there is no time left to tell', async () => {
  expect(await tcbWarning(about('OutOfDate', 'OutOfDate', ['tee']))).toMatchObject({
    value: { today: 'OutOfDate', standsUntil: undefined },
  })
})

test('the log warns of a secret at risk until there is another wrap', async () => {
  const lines: string[] = []
  const log = createLogger('test', { write: (line) => void lines.push(line) })
  for (const wraps of [['tee'], ['tee', 'key-broker']]) {
    const watch = watchSecret({ ...about('UpToDate', 'OutOfDate', wraps), log, everySeconds: 3600 })
    while (lines.length < wraps.length) await sleep(10)
    watch.close()
  }
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: 'warn',
      event: 'secret-at-risk',
      tcbStatus: 'OutOfDate',
      expiresAt: expect.any(Number),
    },
    { level: 'info', event: 'tcb-update-ahead' },
  ])
})

test('a service that ends does not wait for a certification service, and a late answer says nothing', async () => {
  const lines: string[] = []
  const log = createLogger('test', { write: (line) => void lines.push(line) })
  const watched = about('UpToDate', 'OutOfDate', ['tee'])
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  let answers = 0
  const endorsements = {
    ...watched.endorsements,
    async endorsementsFor(...args: Parameters<typeof watched.endorsements.endorsementsFor>) {
      asked.resolve()
      await answer.promise
      answers += 1
      return watched.endorsements.endorsementsFor(...args)
    },
  }
  const watch = watchSecret({ ...watched, endorsements, log })
  await asked.promise
  expect(watch.close()).toBe(undefined)
  answer.resolve()
  while (answers < 2) await sleep(10)
  await sleep(200)
  expect(lines).toEqual([])
})
