/** The queue of orders in a real PostgreSQL. */

import { createLogger } from '@sealward/enclave/telemetry'
import { PgBoss } from 'pg-boss'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { orderAttemptSecondsMax, orderHeartbeatSeconds } from '../limits.ts'
import type { StoreTransaction } from '../store/store.ts'
import { openOrderQueue } from './queue.ts'

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(() => postgres.stop())

const lines: string[] = []
const log = createLogger('platform', { write: (line) => void lines.push(line) })
/** Notes that anybody can read. */
const notes = {
  seal: (place: string, text: string) => `${place}:${text}`,
  open: (place: string, sealed: string) =>
    sealed.startsWith(`${place}:`) ? sealed.slice(place.length + 1) : undefined,
}
const transaction = {
  queue: {
    executeSql: async (text: string, values?: unknown[]) => ({
      rows: [...(await postgres.run(text, values))],
    }),
  },
} as unknown as StoreTransaction

test('an order of a replica that died is given to another one long before its attempt would have run out', async () => {
  const queue = await openOrderQueue(postgres.url, notes, log)
  // As the schema of before there were heartbeats left it: what there is already has to be told.
  await postgres.run(`update sealward_queue.queue set heartbeat_seconds = null`)
  await queue.close()
  const reopened = await openOrderQueue(postgres.url, notes, log)
  const dead = new PgBoss({
    connectionString: postgres.url,
    schema: 'sealward_queue',
    supervise: false,
    schedule: false,
  })
  await dead.start()
  try {
    await reopened.add(transaction, 'task-1')
    // Whoever takes a job and says nothing any more is as one that was killed.
    expect(await dead.fetch('orders')).toHaveLength(1)
    const began = performance.now()
    const worked = Promise.withResolvers<readonly [string, boolean]>()
    await reopened.start(async (task, last) => {
      worked.resolve([task, last])
      return 'done'
    })
    expect(await worked.promise).toEqual(['task-1', false])
    const seconds = (performance.now() - began) / 1000
    expect(seconds).toBeGreaterThan(orderHeartbeatSeconds / 2)
    expect(seconds).toBeLessThan(orderAttemptSecondsMax / 2)
  } finally {
    await dead.stop({ graceful: false })
    await reopened.close()
  }
  expect(lines).toEqual([])
}, 90_000)

test('a job that was not put there by us is none, and says nothing of itself in the log', async () => {
  const queue = await openOrderQueue(postgres.url, notes, log)
  try {
    const worked: string[] = []
    await queue.start(async (task) => {
      worked.push(task)
      return 'done'
    })
    const boss = new PgBoss({
      connectionString: postgres.url,
      schema: 'sealward_queue',
      supervise: false,
    })
    await boss.start()
    await boss.send('orders', { sealed: 'elsewhere:Ada Lovelace' }, { db: transaction.queue })
    await boss.stop({ graceful: false })
    await expect.poll(() => lines.join(''), { timeout: 10_000 }).toContain('order-refused')
    expect(worked).toEqual([])
    expect(lines.join('')).not.toContain('Ada')
  } finally {
    await queue.close()
  }
}, 30_000)
