import { QueryObserver } from '@tanstack/react-query'
import { expect, test } from 'vitest'
import { PlatformError } from '../sealed-channel/platform.ts'
import { createQueryClient } from './query-client.ts'

const name = 'Martin, Alice'

/** A page that shows a record, and reads it again while the platform answers with `error`. */
async function readAgain(error: Error): Promise<unknown> {
  const queries = createQueryClient()
  let answer: () => Promise<string> = async () => name
  const page = new QueryObserver(queries, {
    queryKey: ['patient', 'p'],
    queryFn: () => answer(),
    retry: false,
  })
  const leave = page.subscribe(() => {})
  await expect.poll(() => page.getCurrentResult().data).toBe(name)
  answer = () => Promise.reject(error)
  await queries.invalidateQueries()
  expect(page.getCurrentResult().error).toBe(error)
  leave()
  return page.getCurrentResult().data
}

const problem = (code: string, status?: number): PlatformError =>
  new PlatformError({ code, at: 'x', detail: 'x', ...(status !== undefined && { status }) })

test('what was read of a record that is gone is forgotten', async () => {
  expect(await readAgain(problem('not-found', 404))).toBeUndefined()
})

test('what cannot be read for a moment stays on the page', async () => {
  expect(await readAgain(problem('unavailable'))).toBe(name)
  expect(await readAgain(problem('store-unavailable', 503))).toBe(name)
  // Not the platform's own answer.
  expect(await readAgain(problem('http-404', 404))).toBe(name)
})
