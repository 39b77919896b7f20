import { Readable } from 'node:stream'
import { concat, utf8Of } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import { encodeFrame, readFrame } from './frame.ts'

async function reading(...pieces: readonly Uint8Array[]): Promise<string> {
  const frame = await readFrame(Readable.from(pieces, { objectMode: false }))
  return frame.ok ? `${frame.value.kind} ${frame.value.content.length}` : frame.problem.code
}

test('a frame is read as a whole and byte by byte, the longest and the shortest', async () => {
  for (const length of [0, 1, 64, 255]) {
    const frame = encodeFrame('proof', new Uint8Array(length).fill(7))
    expect(await reading(frame)).toBe(`proof ${length}`)
    expect(await reading(...Array.from(frame, (byte) => Uint8Array.of(byte)))).toBe(
      `proof ${length}`,
    )
    expect(await reading(concat(frame, Uint8Array.of(0)))).toBe('early-data')
    expect(await reading(frame.subarray(0, -1))).toBe('peer-unreachable')
  }
})

test('anything else is told by its first byte', async () => {
  for (const first of [0, 4, 22, 71, 255]) {
    expect(await reading(Uint8Array.of(first))).toBe('session-proof-missing')
  }
  expect(await reading(utf8Of('GET / HTTP/1.1\r\n'))).toBe('session-proof-missing')
  expect(await reading()).toBe('peer-unreachable')
})

test('of what comes too early no more is taken than it needs to be known as that', async () => {
  let taken = 0
  const stream = Readable.from(
    (function* () {
      yield encodeFrame('proof', new Uint8Array(255))
      for (; taken < 100_000; taken++) yield new Uint8Array(17)
    })(),
    { objectMode: false, highWaterMark: 1024 },
  )
  expect(await readFrame(stream)).toMatchObject({ problem: { code: 'early-data' } })
  expect(taken).toBeLessThan(1000)
  stream.destroy()
})
