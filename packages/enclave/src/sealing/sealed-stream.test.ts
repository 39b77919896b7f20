import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { concat } from '@sealward/attestation/bytes'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemRandom } from '../effects/index.ts'
import { streamHeadBytes, tagBytes } from './envelope.ts'
import type { MasterKey } from './master-key.ts'
import { SealedStreamFailure } from './sealed-stream.ts'
import { createSealer, type DataKey, type SealedAddress } from './sealer.ts'

const sealer = createSealer(systemRandom.bytes(32) as MasterKey, { tenant: 'hospital' })
const key: DataKey = { patient: 'a', wrapped: sealer.newDataKey('a') }
const address: SealedAddress = { type: 'study', id: 'a', version: 1 }
const chunkBytes = 1024
const sealedChunk = chunkBytes + tagBytes

async function* inParts(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0
  for (let turn = 0; from < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % Math.max(1, sizes.length)] ?? bytes.length)
    yield bytes.subarray(from, from + size)
    from += size
  }
}

async function whole(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return concat(...all)
}

const sealed = (plaintext: Uint8Array, sizes: readonly number[] = []): Promise<Uint8Array> =>
  whole(sealer.sealStream(address, inParts(plaintext, sizes), { key, chunkBytes }))

const opened = (bytes: Uint8Array, sizes: readonly number[] = []): Promise<Uint8Array> =>
  whole(sealer.openStream(address, inParts(bytes, sizes), key))

const codeOf = (bytes: Uint8Array): Promise<string> =>
  opened(bytes).then(
    () => 'opened',
    (error: unknown) => {
      if (error instanceof SealedStreamFailure) return error.problem.code
      throw error
    },
  )

test('a stream of any length opens to what was sealed, however it is cut up on its way', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 4 })
  const lengths = fc.oneof(
    fc.integer({ min: 0, max: 5000 }),
    fc.constantFrom(0, 1, 1023, 1024, 1025, 2047, 2048, 2049),
  )
  await fc.assert(
    fc.asyncProperty(lengths, sizes, sizes, async (length, coming, going) => {
      const plaintext = systemRandom.bytes(length)
      const bytes = await sealed(plaintext, coming)
      const chunks = Math.max(1, Math.ceil(length / chunkBytes))
      expect(bytes.length).toBe(streamHeadBytes + length + chunks * tagBytes)
      expect(await opened(bytes, going)).toEqual(plaintext)
    }),
  )
})

test('a stream that was cut anywhere is refused, at the end of a chunk too', async () => {
  const bytes = await sealed(systemRandom.bytes(3 * chunkBytes))
  for (let length = 0; length < bytes.length; length++) {
    const code = await codeOf(bytes.subarray(0, length))
    expect(code).toBe(length < streamHeadBytes ? 'sealed-malformed' : 'sealed-mismatch')
  }
})

test('chunks that were swapped, repeated, taken out, added or put in from another stream are refused', async () => {
  const one = await sealed(systemRandom.bytes(3 * chunkBytes))
  const two = await sealed(systemRandom.bytes(3 * chunkBytes))
  const head = one.subarray(0, streamHeadBytes)
  const chunk = (of: Uint8Array, index: number): Uint8Array =>
    of.subarray(streamHeadBytes + index * sealedChunk, streamHeadBytes + (index + 1) * sealedChunk)
  const [a, b, c] = [chunk(one, 0), chunk(one, 1), chunk(one, 2)]
  expect(await codeOf(concat(head, a, b, c))).toBe('opened')
  for (const wrong of [
    [b, a, c],
    [a, a, b, c],
    [a, c],
    [b, c],
    [a, b, c, c],
    [a, b, c, new Uint8Array(1)],
    [a, b, c, new Uint8Array(tagBytes)],
    [a, chunk(two, 1), c],
    [a, b, chunk(two, 2)],
  ]) {
    expect(await codeOf(concat(head, ...wrong))).toBe('sealed-mismatch')
  }
  expect(await codeOf(concat(two.subarray(0, streamHeadBytes), a, b, c))).toBe('sealed-mismatch')
})

test('no bit may differ', async () => {
  const bytes = await sealed(systemRandom.bytes(chunkBytes + 10))
  for (let bit = 0; bit < bytes.length * 8; bit += 7) {
    const altered = bytes.slice()
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(await codeOf(altered)).not.toBe('opened')
  }
})

test('a stream opens at its own address, for its own tenant and with its own key only', async () => {
  const bytes = await sealed(systemRandom.bytes(10))
  const other: DataKey = { patient: 'b', wrapped: sealer.newDataKey('b') }
  for (const attempt of [
    sealer.openStream({ ...address, version: 2 }, inParts(bytes, []), key),
    sealer.openStream({ ...address, id: 'b' }, inParts(bytes, []), key),
    sealer.openStream(address, inParts(bytes, []), other),
    sealer.openStream(address, inParts(bytes, [])),
    sealer.forTenant('another').openStream(address, inParts(bytes, []), key),
  ]) {
    await expect(whole(attempt)).rejects.toBeInstanceOf(SealedStreamFailure)
  }
})

test('what was sealed whole does not open as a stream, nor a stream as a whole', async () => {
  const secret = systemRandom.bytes(100)
  expect(await codeOf(sealer.seal(address, secret, key))).toBe('sealed-malformed')
  expect(sealer.open(address, await sealed(secret), key)).toMatchObject({
    problem: { code: 'sealed-malformed' },
  })
})

test('a quarter of a gigabyte goes to a file and back without being held', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sealward-stream-'))
  const [megabytes, block] = [256, systemRandom.bytes(1 << 20)]
  async function* large(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < megabytes; count++) yield block
  }
  const held = (): number => {
    const { rss } = process.memoryUsage()
    return rss
  }
  try {
    const file = join(folder, 'sealed')
    const before = held()
    let most = 0
    await pipeline(
      Readable.from(sealer.sealStream(address, large(), { key })),
      createWriteStream(file),
    )
    let count = 0
    for await (const part of sealer.openStream(address, createReadStream(file), key)) {
      count += part.length
      most = Math.max(most, held())
    }
    expect(count).toBe(megabytes << 20)
    expect(most - before).toBeLessThan(160 << 20)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)
