import { textOf, utf8Of } from '@sealward/attestation/bytes'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { admittedLimits, anonymousLimits, type CommandLimits } from './limits.ts'
import { createRespReader, type RespReader } from './resp-reader.ts'

const small: CommandLimits = { argumentsMax: 3, bulkBytesMax: 8, commandBytesMax: 12 }

function commandOf(...words: readonly (string | Uint8Array)[]): Uint8Array {
  const parts = words.map((word) => (typeof word === 'string' ? utf8Of(word) : word))
  return Buffer.concat([
    utf8Of(`*${parts.length}\r\n`),
    ...parts.flatMap((part) => [utf8Of(`$${part.length}\r\n`), part, utf8Of('\r\n')]),
  ])
}

function readAll(reader: RespReader, allowed: CommandLimits): (string | undefined)[][] {
  const commands = []
  for (;;) {
    const next = reader.next(allowed)
    if (!next.ok) throw new Error(next.problem.code)
    if (next.value === undefined) return commands
    commands.push(next.value.map(textOf))
  }
}

function refusalOf(input: string | Uint8Array, allowed = small): unknown {
  const reader = createRespReader()
  reader.feed(typeof input === 'string' ? utf8Of(input) : input)
  for (let count = 0; count < 8; count++) {
    const next = reader.next(allowed)
    if (!next.ok) return next.problem
    if (next.value === undefined) return 'incomplete'
  }
  return 'complete'
}

test('pipelined commands are read in order, an empty argument among them', () => {
  const reader = createRespReader()
  reader.feed(Buffer.concat([commandOf('SET', 'k', ''), commandOf('GET', 'k')]))
  expect(readAll(reader, small)).toEqual([
    ['SET', 'k', ''],
    ['GET', 'k'],
  ])
})

test('commands are the same however the bytes are cut', () => {
  const word = fc.uint8Array({ maxLength: 40 })
  fc.assert(
    fc.property(
      fc.array(fc.array(word, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
      (commands, lengths) => {
        const bytes = Buffer.concat(commands.map((words) => commandOf(...words)))
        const reader = createRespReader()
        const read: Uint8Array[][] = []
        for (let offset = 0; offset < bytes.length; ) {
          const length = lengths.next().value ?? 1
          reader.feed(Uint8Array.from(bytes.subarray(offset, offset + length)))
          offset += length
          for (;;) {
            const next = reader.next(anonymousLimits)
            if (!next.ok) throw new Error(next.problem.code)
            if (next.value === undefined) break
            read.push([...next.value])
          }
        }
        expect(read).toEqual(commands)
      },
    ),
  )
})

test('a command keeps its bytes when the memory it came in is used again', () => {
  const reader = createRespReader()
  const chunk = commandOf('GET', 'key')
  reader.feed(chunk)
  const next = reader.next(small)
  chunk.fill(0)
  expect(next.ok && next.value?.map(textOf)).toEqual(['GET', 'key'])
})

test('what is not an array of bulk strings is refused', () => {
  expect(refusalOf('PING\r\n')).toMatchObject({ code: 'inline-refused', at: '@0x0' })
  expect(refusalOf('*0\r\n')).toMatchObject({ code: 'empty-command' })
  expect(refusalOf('*1\r\n+PING\r\n')).toMatchObject({ code: 'bulk-expected', at: '@0x4' })
  expect(refusalOf('*1\r\n*1\r\n')).toMatchObject({ code: 'bulk-expected' })
  expect(refusalOf('*-1\r\n')).toMatchObject({ code: 'bad-length' })
  expect(refusalOf('*\r\n')).toMatchObject({ code: 'bad-length' })
  expect(refusalOf('*1x\r\n')).toMatchObject({ code: 'bad-length' })
  expect(refusalOf('*1\r\n$-1\r\n')).toMatchObject({ code: 'bad-length' })
  expect(refusalOf('*1\rX')).toMatchObject({ code: 'bad-line-end' })
  expect(refusalOf('*1\r\n$1\r\nabc')).toMatchObject({ code: 'bad-line-end' })
})

test('each limit lets pass what it names, and refuses one more', () => {
  expect(refusalOf(commandOf('a', 'b', 'c'))).toBe('incomplete')
  expect(refusalOf(commandOf('a', 'b', 'c', 'd'))).toMatchObject({ code: 'too-many-arguments' })
  expect(refusalOf(commandOf('12345678'))).toBe('incomplete')
  expect(refusalOf('*1\r\n$9\r\n')).toMatchObject({ code: 'bulk-too-large' })
  expect(refusalOf(commandOf('12345678', '1234'))).toBe('incomplete')
  expect(refusalOf(commandOf('12345678', '12345'))).toMatchObject({ code: 'command-too-large' })
})

test('a length is refused before it has more digits than any limit needs', () => {
  expect(refusalOf(`*${'9'.repeat(12)}`)).toMatchObject({ code: 'bad-length' })
  expect(refusalOf(`*${'9'.repeat(11)}`)).toBe('incomplete')
})

test('limits are those of the moment at which a command is taken', () => {
  const reader = createRespReader()
  reader.feed(Buffer.concat([commandOf('AUTH', 'token'), commandOf('SET', 'k', '123456789')]))
  expect(reader.next(small)).toMatchObject({ ok: true })
  expect(reader.next(admittedLimits)).toMatchObject({ ok: true })
})

test('once refused, always refused, and nothing more is held', () => {
  const reader = createRespReader()
  reader.feed(utf8Of('PING\r\n'))
  expect(reader.next(small)).toMatchObject({ ok: false })
  reader.feed(commandOf('GET', 'k'))
  expect(reader.next(small)).toMatchObject({ ok: false, problem: { code: 'inline-refused' } })
  expect(reader.heldBytes()).toBe(0)
})

test('no bytes make it throw or hold more than a command and what has just arrived', () => {
  const likely = fc.constantFrom('*', '$', '\r\n', '\r', '1', '3', '12', '999999', 'GET', '-', '\0')
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.array(likely, { maxLength: 12 }).map((parts) => utf8Of(parts.join(''))),
  )
  const held = 2 * (small.commandBytesMax + 16) + 64
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const reader = createRespReader()
      for (const bytes of pieces) {
        reader.feed(bytes)
        for (;;) {
          const next = reader.next(small)
          if (!next.ok || next.value === undefined) break
        }
        expect(reader.heldBytes()).toBeLessThanOrEqual(held + bytes.length)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a value that arrives byte by byte is not copied over and over', () => {
  const bytes = commandOf('SET', 'k', new Uint8Array(200_000))
  const reader = createRespReader()
  let heldMax = 0
  for (const byte of bytes) {
    reader.feed(Uint8Array.of(byte))
    reader.next(admittedLimits)
    heldMax = Math.max(heldMax, reader.heldBytes())
  }
  // The whole value has its room from the start: nothing grows step by step.
  expect(heldMax).toBeLessThan(200_100)
})
