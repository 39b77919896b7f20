import type { Task } from '@medplum/fhirtypes'
import { expect, test } from 'vitest'
import { taskPollMs, taskWaitSecondsMax } from '../limits.ts'
import type { Platform } from '../sealed-channel/platform.ts'
import { followOrder, placeOrder } from './order.ts'

const film = {
  id: 'f',
  imagingStudy: 'ImagingStudy/s',
  modality: 'DX',
  rows: 1,
  columns: 1,
  transferSyntax: '',
  sha256: '',
  removed: [],
  warnings: [],
}

const key = 'k'.repeat(22)

/** A platform whose task goes through `states`, and stays in the last. */
function platformWith(states: readonly Partial<Task>[], taskHeader = 'Task/7') {
  const written: object[] = []
  let reads = 0
  const platform: Platform = {
    send: () => Promise.reject(new Error('not used')),
    async read<T>(path: string) {
      expect(path).toBe('/fhir/Task/7')
      return states[Math.min(reads++, states.length - 1)] as T
    },
    async write<T>(_method: 'POST' | 'PUT', _path: string, resource: object) {
      written.push(resource)
      return { value: resource as T, headers: { 'sealward-task': taskHeader } }
    },
  }
  return { platform, written, reads: () => reads }
}

const follow = (platform: Platform, seen: string[] = []) =>
  followOrder(platform, 'Task/7', {
    onStatus: (status) => seen.push(status),
    wait: () => Promise.resolve(),
    signal: new AbortController().signal,
  })

test('an order names the patient and the film, and gives the task to follow', async () => {
  const { platform, written } = platformWith([])
  expect(await placeOrder(platform, 'p', film, key)).toBe('Task/7')
  expect(written).toMatchObject([
    { subject: { reference: 'Patient/p' }, supportingInfo: [{ reference: 'ImagingStudy/s' }] },
  ])
})

test('a task that could lead elsewhere is not followed', async () => {
  for (const header of ['', '../Patient', 'Task/a/b', 'Task/a?b'])
    await expect(
      placeOrder(platformWith([], header).platform, 'p', film, key),
    ).rejects.toMatchObject({
      problem: { code: 'answer-malformed' },
    })
})

test('a task is followed until its report is there', async () => {
  const { platform } = platformWith([
    { status: 'requested' },
    { status: 'in-progress' },
    {
      status: 'completed',
      output: [{ type: {}, valueReference: { reference: 'DiagnosticReport/r' } }],
    },
  ])
  const seen: string[] = []
  expect(await follow(platform, seen)).toBe('r')
  expect(seen).toEqual(['requested', 'in-progress'])
})

test('a task that failed fails with its own code', async () => {
  const { platform } = platformWith([
    { status: 'failed', statusReason: { coding: [{ code: 'not-a-chest-radiograph' }] } },
  ])
  await expect(follow(platform)).rejects.toMatchObject({
    problem: { code: 'not-a-chest-radiograph' },
  })
})

test('a completed task without a report is not taken for a result', async () => {
  const { platform } = platformWith([{ status: 'completed' }])
  await expect(follow(platform)).rejects.toMatchObject({ problem: { code: 'answer-malformed' } })
})

test('waiting ends', async () => {
  const { platform, reads } = platformWith([{ status: 'requested' }])
  await expect(follow(platform)).rejects.toMatchObject({ problem: { code: 'order-takes-long' } })
  expect(reads()).toBe(Math.ceil((taskWaitSecondsMax * 1000) / taskPollMs))
})
