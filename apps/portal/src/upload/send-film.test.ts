import { utf8Of } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import { filmRetryDelaysMs } from '../limits.ts'
import { type Platform, PlatformError, type PlatformRequest } from '../sealed-channel/platform.ts'
import { sendFilm } from './send-film.ts'

const film = {
  file: new Blob([new Uint8Array(1000)]),
  mediaType: 'image/png',
  key: 'k'.repeat(22),
} as const

/** A platform that fails with each of `failures`, and then has the film. */
function platformAfter(
  ...failures: readonly { readonly code: string; readonly status?: number }[]
) {
  const left = [...failures]
  const sent: PlatformRequest[] = []
  const platform: Platform = {
    async send(request) {
      sent.push(request)
      const failure = left.shift()
      if (failure !== undefined) throw new PlatformError({ at: 'x', detail: 'x', ...failure })
      return { status: 201, headers: {}, body: utf8Of('{"id":"f"}') }
    },
    read: () => Promise.reject(new Error('not used')),
    write: () => Promise.reject(new Error('not used')),
  }
  return { platform, sent }
}

function send(platform: Platform, signal = new AbortController().signal, waited: number[] = []) {
  let broken = 0
  const film$ = sendFilm(platform, 'p', film, {
    signal,
    onProgress: () => {},
    onBroken: () => {
      broken++
    },
    wait: async (milliseconds) => void waited.push(milliseconds),
  })
  return { film: film$, broken: () => broken, waited }
}

test('a film that broke off is sent again, whole, with the key that it had', async () => {
  const { platform, sent } = platformAfter(
    { code: 'unavailable' },
    { code: 'truncated' },
    { code: 'replayed' },
    { code: 'not-verified' },
    { code: 'store-unavailable', status: 503 },
  )
  const sending = send(platform)
  expect(await sending.film).toEqual({ id: 'f' })
  expect(sending.broken()).toBe(5)
  expect(sending.waited).toEqual(filmRetryDelaysMs.slice(0, 5))
  expect(new Set(sent.map(({ headers }) => headers?.['idempotency-key']))).toEqual(
    new Set([film.key]),
  )
  expect(sent.every(({ body }) => body === film.file)).toBe(true)
})

test('a film that was refused is not sent again', async () => {
  for (const failure of [
    { code: 'not-a-chest-radiograph', status: 422 },
    { code: 'signed-out', status: 401 },
    { code: 'film-unreadable' },
    { code: 'unsealed-response' },
    { code: 'cancelled' },
  ]) {
    const { platform, sent } = platformAfter(failure)
    const sending = send(platform)
    await expect(sending.film).rejects.toMatchObject({ problem: failure })
    expect([sent.length, sending.broken()]).toEqual([1, 0])
  }
})

test('sending again ends', async () => {
  const { platform, sent } = platformAfter(
    ...Array.from({ length: 50 }, () => ({ code: 'unavailable' })),
  )
  await expect(send(platform).film).rejects.toMatchObject({ problem: { code: 'unavailable' } })
  expect(sent).toHaveLength(filmRetryDelaysMs.length + 1)
})

test('whoever cancels while it is waited is believed', async () => {
  const { platform, sent } = platformAfter({ code: 'unavailable' })
  const cancelled = new AbortController()
  const sending = sendFilm(platform, 'p', film, {
    signal: cancelled.signal,
    onProgress: () => {},
    onBroken: () => cancelled.abort(),
    wait: async () => {},
  })
  await expect(sending).rejects.toThrow()
  expect(sent).toHaveLength(1)
})
