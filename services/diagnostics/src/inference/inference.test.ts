import { afterEach, expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { createInference, type Inference, type InferenceOptions } from './inference.ts'

let inference: Inference | undefined
afterEach(async () => inference?.close())

async function slow(options: Partial<InferenceOptions> = {}): Promise<Inference> {
  inference = await createInference({
    ...limits,
    model: new Uint8Array(),
    workers: 1,
    workerUrl: new URL('../testing/slow-worker.ts', import.meta.url),
    ...options,
  })
  return inference
}

const taking = (milliseconds: number): Float32Array<ArrayBuffer> => Float32Array.of(milliseconds)

test('the event loop goes on while a film is read', async () => {
  const { read } = await slow()
  let ticks = 0
  const timer = setInterval(() => {
    ticks += 1
  }, 5)
  await read(taking(300))
  clearInterval(timer)
  // A blocked loop would let none through; a busy machine lets some be late.
  expect(ticks).toBeGreaterThan(10)
})

test('films that wait are read in the order in which they came', async () => {
  const { read } = await slow()
  const readings = await Promise.all([20, 10, 5].map((milliseconds) => read(taking(milliseconds))))
  expect(readings.map((reading) => reading.ok && reading.value.gate[0])).toEqual([20, 10, 5])
})

test('a film beyond the queue is refused at once, and later ones are read again', async () => {
  const pool = await slow({ waitingMax: 2 })
  const started = performance.now()
  const first = pool.read(taking(200))
  const waiting = [pool.read(taking(1)), pool.read(taking(1))]
  expect(await pool.read(taking(1))).toMatchObject({ ok: false, problem: { code: 'busy' } })
  expect(performance.now() - started).toBeLessThan(150)
  expect((await first).ok).toBe(true)
  expect((await Promise.all(waiting)).every(({ ok }) => ok)).toBe(true)
  expect((await pool.read(taking(1))).ok).toBe(true)
})

test('a film that would wait too long is refused before the queue is full', async () => {
  const pool = await slow({ waitMsMax: 100 })
  for (let film = 0; film < 30; film++) await pool.read(taking(30))
  const under = [pool.read(taking(30)), pool.read(taking(30)), pool.read(taking(30))]
  const refusals = await Promise.all(Array.from({ length: 6 }, () => pool.read(taking(30))))
  expect(refusals.at(-1)).toMatchObject({ ok: false, problem: { code: 'busy' } })
  await Promise.all(under)
})

test('a worker that takes too long is replaced', async () => {
  let lost = 0
  const { read } = await slow({
    computeMsMax: 50,
    onLost: () => {
      lost += 1
    },
  })
  expect(await read(taking(1000))).toMatchObject({ problem: { code: 'inference-timed-out' } })
  expect((await read(taking(1))).ok).toBe(true)
  expect(lost).toBe(1)
})

test('a worker that dies is replaced, and its film is refused', async () => {
  const { read } = await slow()
  expect(await read(taking(-1))).toMatchObject({ problem: { code: 'inference-failed' } })
  expect((await read(taking(1))).ok).toBe(true)
})

test('after closing nothing is read', async () => {
  const pool = await slow()
  const underWay = pool.read(taking(50))
  const waiting = pool.read(taking(1))
  await pool.close()
  expect((await underWay).ok).toBe(true)
  expect(await waiting).toMatchObject({ problem: { code: 'stopping' } })
  expect(await pool.read(taking(1))).toMatchObject({ problem: { code: 'stopping' } })
  expect(pool.ready).toBe(false)
})

test('bytes that are no model are found out at the start', async () => {
  await expect(
    createInference({ ...limits, model: new Uint8Array(64), workers: 1 }),
  ).rejects.toThrow('the model cannot be loaded')
})
