import type { Logger } from '@sealward/enclave/telemetry'
import { PgBoss } from 'pg-boss'
import {
  orderAttemptSecondsMax,
  orderAttemptsMax,
  orderHeartbeatSeconds,
  orderRetrySeconds,
  orderSupervisionSeconds,
  ordersAtOnceMax,
} from '../limits.ts'
import type { Notes, StoreTransaction } from '../store/store.ts'

const queueName = 'orders'
const lostQueueName = 'orders-lost'

/** What one attempt at an order led to. `again` is for what may pass by itself. */
export type Attempt = 'done' | 'again'

/** Works on one order; `last` says that nothing comes after this attempt. */
export type OrderWork = (task: string, last: boolean) => Promise<Attempt>

/** Orders that wait, in PostgreSQL. A job holds the id of a task, sealed, and nothing else. */
export interface OrderQueue {
  /** Puts a task into the queue in the same transaction that writes it. */
  add(transaction: StoreTransaction, task: string): Promise<void>
  /** Begins to work. */
  start(work: OrderWork): Promise<void>
  /** Stops taking jobs, and waits for those under way. */
  close(): Promise<void>
}

interface Job {
  readonly sealed: string
}

/** Opens the queue in the database at `url`, and brings its own schema up to date. */
export async function openOrderQueue(url: string, notes: Notes, log: Logger): Promise<OrderQueue> {
  const boss = new PgBoss({
    connectionString: url,
    schema: 'sealward_queue',
    max: 4,
    schedule: false,
    useListenNotify: true,
    // A replica that was killed says nothing: its orders go to others once its heartbeat is missed.
    superviseIntervalSeconds: orderSupervisionSeconds,
    monitorIntervalSeconds: orderSupervisionSeconds,
  })
  boss.on('error', (error) => log.thrown('queue-error', error, { job: queueName }))
  await boss.start()
  await boss.createQueue(lostQueueName, { deleteAfterSeconds: 24 * 3600 })
  const settings = {
    notify: true,
    retryLimit: orderAttemptsMax - 1,
    retryDelay: orderRetrySeconds,
    retryBackoff: true,
    expireInSeconds: orderAttemptSecondsMax,
    heartbeatSeconds: orderHeartbeatSeconds,
    deadLetter: lostQueueName,
    deleteAfterSeconds: 3600,
  }
  // What there is already stays as it was made, unless it is told.
  await boss.createQueue(queueName, settings)
  await boss.updateQueue(queueName, settings)
  return {
    async add(transaction, task) {
      const job: Job = { sealed: notes.seal(queueName, task) }
      await boss.send(queueName, job, { db: transaction.queue })
    },
    async start(work) {
      /** A job that was not put here by us is none. */
      const workOn = async (job: Job, last: boolean): Promise<Attempt> => {
        const task = notes.open(queueName, String(job.sealed))
        if (task === undefined) {
          log.warn('order-refused', { code: 'record-refused', job: queueName })
          return 'done'
        }
        return quietly(log, () => work(task, last))
      }
      const options = {
        includeMetadata: true,
        batchSize: 1,
        localConcurrency: ordersAtOnceMax,
        // A new order wakes us; one that is tried again is found by looking.
        pollingIntervalSeconds: 1,
        notifyPollingIntervalSeconds: 1,
      } as const
      await boss.work<Job>(queueName, options, async (jobs) => {
        for (const { data, retryCount } of jobs) {
          const last = retryCount >= orderAttemptsMax - 1
          const attempt = await workOn(data, last)
          // What is thrown here is kept in the job: a fixed word, never a reason with data in it.
          if (attempt === 'again' && !last) throw new Error('again')
        }
      })
      // A replica that died on its last attempt leaves a task that nobody works on.
      await boss.work<Job>(
        lostQueueName,
        { batchSize: 1, pollingIntervalSeconds: 5 },
        async (jobs) => {
          for (const { data } of jobs) await workOn(data, true)
        },
      )
    },
    async close() {
      await boss.stop({ graceful: true, timeout: 10_000 })
    },
  }
}

/** Errors of ours are logged by class and place, and count as an attempt. */
async function quietly(log: Logger, work: () => Promise<Attempt>): Promise<Attempt> {
  try {
    return await work()
  } catch (error) {
    log.thrown('order-broken', error, { job: queueName })
    return 'again'
  }
}
