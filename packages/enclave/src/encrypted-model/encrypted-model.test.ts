import { readFileSync } from 'node:fs'
import { concat, hexOf, sha256, utf8Of } from '@sealward/attestation/bytes'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemRandom as random } from '../effects/index.ts'
import { decryptModel, encryptModel, localWrapper, readHeader, sealedBytesOf } from './index.ts'

const key = random.bytes(32)
const wrapper = localWrapper('diagnostics-model', key, '7')
const opened = (sealed: Uint8Array) => decryptModel(sealed, () => key)

async function* inPieces(bytes: Uint8Array, piece: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
}

async function encrypted(model: Uint8Array, piece = 10_000): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  const write = (one: Uint8Array): void => void pieces.push(one)
  const done = await encryptModel({ read: () => inPieces(model, piece), write, wrapper })
  if (!done.ok) throw new Error(done.problem.code)
  return concat(...pieces)
}

test.each([1, 65_535, 65_536, 65_537, 131_072, 200_000])(
  'a model of %d bytes comes back as it was, and its header names it',
  async (length) => {
    const model = random.bytes(length)
    const sealed = await encrypted(model)
    const digest = hexOf(await sha256(model))
    const result = opened(sealed)
    expect(result).toMatchObject({
      ok: true,
      value: {
        header: {
          sha256: digest,
          bytes: length,
          key: { name: 'diagnostics-model', version: '7' },
        },
      },
    })
    expect(result.ok && Buffer.compare(result.value.model, model)).toBe(0)
    const head = readHeader(sealed)
    expect(head.ok && sealedBytesOf(head.value.header, head.value.bytes.length)).toBe(sealed.length)
  },
)

test('it does not matter in which pieces a model is read', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 150_000 }),
      fc.integer({ min: 1000, max: 200_000 }),
      async (length, piece) => {
        const model = new Uint8Array(length).map((_, index) => index * 31)
        const result = opened(await encrypted(model, piece))
        expect(result.ok && Buffer.compare(result.value.model, model)).toBe(0)
      },
    ),
    { numRuns: 20 },
  )
})

const model = random.bytes(150_000)
const sealed = await encrypted(model)

test('one byte changed, wherever it is, is refused', () => {
  const headBytes = 12 + new DataView(sealed.buffer, sealed.byteOffset).getUint32(8)
  const places = [
    ...Array.from({ length: headBytes }, (_, at) => at),
    headBytes,
    headBytes + 65_536,
    headBytes + 65_552,
    sealed.length - 17,
    sealed.length - 1,
  ]
  for (const at of places) {
    const changed = sealed.slice()
    changed[at] = (changed[at] ?? 0) ^ 1
    const result = opened(changed)
    expect([at, result.ok]).toEqual([at, false])
  }
  const body = sealed.slice()
  body[headBytes + 5] = (body[headBytes + 5] ?? 0) ^ 1
  expect(opened(body)).toMatchObject({ problem: { code: 'model-altered' } })
})

test('cut off anywhere, or longer, it is refused', () => {
  const step = 65_552
  const headBytes = sealed.length - (150_000 + 3 * 16)
  for (const length of [headBytes, headBytes + step, headBytes + 2 * step, sealed.length - 1]) {
    expect(opened(sealed.subarray(0, length))).toMatchObject({
      problem: { code: 'model-truncated' },
    })
  }
  expect(opened(concat(sealed, Uint8Array.of(0)))).toMatchObject({
    problem: { code: 'model-truncated' },
  })
  for (const length of [8, 11, 12, headBytes - 1]) {
    expect(opened(sealed.subarray(0, length))).toMatchObject({
      problem: { code: 'model-malformed' },
    })
  }
})

test('chunks that change places, or that the other header was for, are refused', async () => {
  const headBytes = sealed.length - (150_000 + 3 * 16)
  const step = 65_552
  const head = sealed.subarray(0, headBytes)
  const [one, two, rest] = [
    sealed.subarray(headBytes, headBytes + step),
    sealed.subarray(headBytes + step, headBytes + 2 * step),
    sealed.subarray(headBytes + 2 * step),
  ]
  expect(opened(concat(head, two, one, rest))).toMatchObject({ problem: { code: 'model-altered' } })
  const again = await encrypted(model)
  expect(opened(concat(again.subarray(0, headBytes), one, two, rest))).toMatchObject({
    problem: { code: 'model-altered' },
  })
})

test('another key opens nothing', () => {
  expect(decryptModel(sealed, () => random.bytes(32))).toMatchObject({
    problem: { code: 'model-key-mismatch' },
  })
  expect(decryptModel(sealed, () => undefined)).toMatchObject({
    problem: { code: 'model-key-mismatch' },
  })
})

test('a model that is not encrypted is told apart from one that is damaged', () => {
  expect(opened(model)).toMatchObject({ problem: { code: 'model-not-encrypted' } })
  expect(opened(new Uint8Array())).toMatchObject({ problem: { code: 'model-not-encrypted' } })
  const head = concat(utf8Of('SWMODEL1'), Uint8Array.of(0, 0, 0, 2), utf8Of('{}'))
  expect(opened(head)).toMatchObject({ problem: { code: 'model-malformed' } })
  const long = concat(utf8Of('SWMODEL1'), Uint8Array.of(255, 255, 255, 255))
  expect(opened(long)).toMatchObject({ problem: { code: 'model-malformed' } })
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isPrefixed) => {
      const input = isPrefixed ? concat(utf8Of('SWMODEL1'), bytes) : bytes
      expect(opened(input).ok).toBe(false)
    }),
  )
})

test('an empty model, and one that changes while it is read, are refused', async () => {
  const write = (): void => {}
  const read = () => inPieces(new Uint8Array(), 1)
  expect(await encryptModel({ read, write, wrapper })).toMatchObject({
    problem: { code: 'model-empty' },
  })
  let times = 0
  const changing = () => inPieces(new Uint8Array(10).fill(times++), 3)
  expect(await encryptModel({ read: changing, write, wrapper })).toMatchObject({
    problem: { code: 'model-changed' },
  })
})

test('nothing of the model is seen in the file, and twice the same model gives two files', async () => {
  const text = utf8Of('weights '.repeat(20_000))
  const [first, second] = [await encrypted(text), await encrypted(text)]
  expect(Buffer.from(first).includes('weights')).toBe(false)
  expect(Buffer.compare(first, second)).not.toBe(0)
})

test('memory stays flat whatever the size', async () => {
  const piece = random.bytes(1_048_576)
  async function* large(): AsyncIterable<Uint8Array> {
    for (let index = 0; index < 512; index++) yield piece
  }
  let written = 0
  let highest = 0
  const before = process.memoryUsage().arrayBuffers
  const write = (one: Uint8Array): void => {
    written += one.length
    highest = Math.max(highest, process.memoryUsage().arrayBuffers - before)
  }
  expect(await encryptModel({ read: large, write, wrapper })).toMatchObject({ ok: true })
  expect(written).toBeGreaterThan(512 * 1_048_576)
  // Garbage counts as well, and when it is looked for depends on all else that the process holds.
  expect(highest).toBeLessThan(256 * 1_048_576)
})

test('every code is explained', () => {
  const page = readFileSync(
    new URL('../../../../docs/spec/problem-codes.md', import.meta.url),
    'utf8',
  )
  const codes = ['model-header.ts', 'encrypt-model.ts', 'decrypt-model.ts'].flatMap((name) => {
    const source = readFileSync(new URL(name, import.meta.url), 'utf8')
    return [...source.matchAll(/refuse\(\s*'([a-z-]+)'/g)].map(([, code]) => code ?? '')
  })
  const known = [...new Set(codes)]
  expect(known.length).toBeGreaterThan(5)
  expect(known.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})
