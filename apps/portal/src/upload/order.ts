import type { ServiceRequest, Task } from '@medplum/fhirtypes'
import { taskPollMs, taskWaitSecondsMax } from '../limits.ts'
import { type Platform, PlatformError } from '../sealed-channel/platform.ts'
import type { FilmSummary } from './film.ts'

/** How far an order is. */
export type OrderStatus = 'requested' | 'in-progress'

/**
 * Orders the interpretation of a film.
 *
 * @param key names this order to the platform however often it is sent, so that it is placed once.
 * @returns the task to follow, `Task/…`.
 */
export async function placeOrder(
  platform: Platform,
  patient: string,
  film: FilmSummary,
  key: string,
): Promise<string> {
  const order: ServiceRequest = {
    resourceType: 'ServiceRequest',
    status: 'active',
    intent: 'order',
    code: { text: 'Chest radiograph: pneumonia' },
    subject: { reference: `Patient/${patient}` },
    supportingInfo: [{ reference: film.imagingStudy }],
  }
  const { headers } = await platform.write<ServiceRequest>('POST', '/fhir/ServiceRequest', order, {
    'idempotency-key': key,
  })
  const task = headers['sealward-task']
  if (task === undefined || !/^Task\/[A-Za-z0-9\-.]{1,64}$/.test(task)) {
    throw new PlatformError({ code: 'answer-malformed', at: 'sealward-task', detail: 'no task' })
  }
  return task
}

/**
 * Follows a task until it is completed.
 *
 * @param wait resolves after so many milliseconds; rejects when the signal aborts.
 * @returns the id of the report. Rejects with the task's own code where it failed, and with
 * `order-takes-long` after {@link taskWaitSecondsMax}: the order then goes on without this page.
 */
export async function followOrder(
  platform: Platform,
  task: string,
  options: {
    readonly onStatus: (status: OrderStatus) => void
    readonly wait: (milliseconds: number) => Promise<void>
    readonly signal: AbortSignal
  },
): Promise<string> {
  for (let waitedMs = 0; waitedMs < taskWaitSecondsMax * 1000; waitedMs += taskPollMs) {
    const { status, output, statusReason } = await platform.read<Task>(
      `/fhir/${task}`,
      options.signal,
    )
    if (status === 'completed') {
      const report = output?.[0]?.valueReference?.reference?.replace('DiagnosticReport/', '')
      if (report !== undefined) return report
      throw new PlatformError({ code: 'answer-malformed', at: 'Task.output', detail: 'no report' })
    }
    if (status === 'failed' || status === 'cancelled' || status === 'rejected') {
      const code = statusReason?.coding?.[0]?.code ?? 'order-failed'
      throw new PlatformError({ code, at: 'Task', detail: statusReason?.text ?? '' })
    }
    options.onStatus(status === 'in-progress' ? 'in-progress' : 'requested')
    await options.wait(taskPollMs)
  }
  throw new PlatformError({ code: 'order-takes-long', at: 'Task', detail: 'still in the queue' })
}
