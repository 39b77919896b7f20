import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noEntry } from './entry.ts'
import { chained, sampleLog, sampleSigner, verdictOf } from './log.fixtures.ts'

const signer = sampleSigner()
const log = sampleLog(12)
const keys = [signer.jwk]
const signed = [signer.sign(log)]

/** Codes and numbers of what is found once `lines` are taken for the log. */
const foundIn = (lines: readonly string[], checkpoints = signed): readonly string[] =>
  verdictOf(lines, checkpoints, keys).findings.map(({ code, sequence }) => `${code} ${sequence}`)

const without = (...numbers: readonly number[]): string[] =>
  log.filter((_, index) => !numbers.includes(index + 1))
const withLine = (number: number, change: (line: string) => string): string[] =>
  log.map((line, index) => (index + 1 === number ? change(line) : line))

test('a log as it was written is whole, up to where a checkpoint vouches for it', () => {
  expect(verdictOf(log, signed, keys)).toMatchObject({ entries: 12, signedTo: 12, findings: [] })
  const earlier = [signer.sign(log, 5), signer.sign(log, 9)]
  expect(verdictOf(log, earlier, keys)).toMatchObject({ signedTo: 9, findings: [] })
  expect(verdictOf(log)).toMatchObject({ signedTo: 0, findings: [] })
  expect(verdictOf([])).toMatchObject({ entries: 0, last: undefined, findings: [] })
})

test('a removed entry is named, and so are several', () => {
  expect(foundIn(without(5))).toEqual(['entry-removed 5'])
  expect(foundIn(without(1))).toEqual(['entry-removed 1'])
  expect(foundIn(without(3, 4, 5, 9))).toEqual(['entry-removed 3', 'entry-removed 9'])
  const [finding] = verdictOf(without(3, 4, 5)).findings
  expect(finding?.detail).toBe('Entries 3 to 5 were removed: line 3 is entry 6.')
})

test('a changed entry is named: what it says, its number, and the hash that it names', () => {
  for (const number of [1, 2, 7, 11]) {
    const changed = withLine(number, (line) => line.replace(/"outcome":"[^"]*"/, '"outcome":"no"'))
    expect(foundIn(changed)).toEqual([`entry-changed ${number}`])
    const renamed = withLine(number, (line) =>
      line.replace(/"previous":"[^"]*"/, `"previous":"${'a'.repeat(64)}"`),
    )
    expect(foundIn(renamed)).toEqual([`entry-changed ${number}`])
  }
  const renumbered = withLine(7, (line) => line.replace('"sequence":7', '"sequence":70'))
  expect(foundIn(renumbered)).toEqual(['entry-changed 70'])
})

test('a changed last entry is not the one that was signed', () => {
  const changed = withLine(12, (line) => line.replace('key-11', 'key-99'))
  expect(foundIn(changed)).toEqual(['log-forked 12'])
  // Without a checkpoint nobody vouches for it, and that is what is said.
  expect(verdictOf(changed)).toMatchObject({ signedTo: 0, findings: [] })
})

test('entries in another order are named', () => {
  const swapped = [...log.slice(0, 4), log[5], log[4], ...log.slice(6)] as string[]
  expect(foundIn(swapped)).toEqual(['entry-moved 6'])
  const atEnd = [...log.slice(0, 10), log[11], log[10]] as string[]
  expect(foundIn(atEnd)).toEqual(['entry-moved 12'])
  const toFront = [log[8], ...log.slice(0, 8), ...log.slice(9)] as string[]
  expect(foundIn(toFront)).toEqual(['entry-moved 9'])
  const toEnd = [...log.slice(0, 2), ...log.slice(3), log[2]] as string[]
  expect(foundIn(toEnd)).toEqual(['entry-moved 3'])
})

test('an inserted line is named, whatever number it has', () => {
  const forged = (number: number): string =>
    withLine(number, (line) => line.replace(/"target":"[^"]*"/, '"target":"keys/forged/1"'))[
      number - 1
    ] as string
  const insertedAt = (index: number, line: string): string[] => log.toSpliced(index, 0, line)
  expect(foundIn(insertedAt(6, forged(7)))).toEqual(['entry-inserted 7'])
  expect(foundIn(insertedAt(7, forged(7)))).toEqual(['entry-inserted 7'])
  expect(foundIn(insertedAt(7, log[6] as string))).toEqual(['entry-inserted 7'])
  expect(foundIn(insertedAt(9, log[3] as string))).toEqual(['entry-inserted 4'])
  expect(foundIn(insertedAt(3, log[9] as string))).toEqual(['entry-inserted 10'])
  expect(foundIn(insertedAt(4, 'no entry'))).toEqual(['entry-malformed 5'])
  expect(verdictOf(insertedAt(6, forged(7))).findings[0]).toMatchObject({ at: 'line 7' })
})

test('what was cut off the end is missed by whoever kept a checkpoint', () => {
  expect(foundIn(log.slice(0, 10))).toEqual(['log-truncated 11'])
  expect(foundIn([])).toEqual(['log-truncated 1'])
  expect(foundIn(log.slice(0, 10), [signer.sign(log, 6), ...signed])).toEqual(['log-truncated 11'])
  expect(foundIn(log.slice(0, 10), [signer.sign(log, 6)])).toEqual([])
})

test('a log that was written anew, consistent in itself, is not the one that was signed', () => {
  const anew = [...log.slice(0, 1), ...sampleLog(12, '-other').slice(1)]
  const events = anew.map((line) => JSON.parse(line))
  const rewritten = chained(events)
  expect(verdictOf(rewritten).findings).toEqual([])
  expect(foundIn(rewritten)).toEqual(['log-forked 12'])
  expect(foundIn(sampleLog(12, '-other'))).toEqual(['log-foreign 1'])
})

test('two checkpoints of one length that differ show a fork without a log', () => {
  const anew = chained(
    [...log.slice(0, 1), ...sampleLog(12, '-other').slice(1)].map((line) => JSON.parse(line)),
  )
  expect(foundIn(log, [signer.sign(anew), ...signed])).toEqual(['log-forked 12'])
})

test('a log that goes on where a checkpoint ended is whole with that, and headless without', () => {
  const rest = log.slice(6)
  expect(foundIn(rest, [signer.sign(log, 6), ...signed])).toEqual([])
  expect(foundIn(rest)).toEqual(['entry-removed 1'])
  const other = sampleLog(6, '-other')
  expect(foundIn(rest, [signer.sign(other)])).toEqual(['entry-changed 7'])
})

test('any single edit of a log is found, and in its place', () => {
  const edit = fc.oneof(
    fc.record({ kind: fc.constant('remove' as const), at: fc.nat(11) }),
    fc.record({ kind: fc.constant('move' as const), at: fc.nat(11), to: fc.nat(11) }),
    fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(11), to: fc.nat(12) }),
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat(11) }),
    fc.record({
      kind: fc.constant('byte' as const),
      at: fc.nat(11),
      to: fc.nat(400),
      bit: fc.nat(6),
    }),
    fc.record({ kind: fc.constant('drop' as const), at: fc.nat(11), to: fc.nat(400) }),
  )
  fc.assert(
    fc.property(edit, (one) => {
      const edited = [...log]
      const line = log[one.at] as string
      if (one.kind === 'remove') edited.splice(one.at, 1)
      if (one.kind === 'cut') edited.splice(one.at)
      if (one.kind === 'move') edited.splice(one.to, 0, ...edited.splice(one.at, 1))
      if (one.kind === 'repeat') edited.splice(one.to, 0, line)
      if (one.kind === 'byte') {
        const bytes = Buffer.from(line)
        const index = one.to % bytes.length
        bytes[index] = (bytes[index] ?? 0) ^ (1 << one.bit)
        edited[one.at] = bytes.toString()
      }
      if (one.kind === 'drop') edited[one.at] = line.slice(0, one.to % line.length)
      fc.pre(edited.join('\n') !== log.join('\n'))
      const { findings } = verdictOf(edited, signed, keys)
      expect(findings.length).toBeGreaterThan(0)
      const where = findings.map(({ sequence }) => sequence)
      // One that was renumbered is told by its new number.
      if (one.kind === 'remove' || one.kind === 'cut') expect(where).toContain(one.at + 1)
    }),
    { numRuns: 2000 },
  )
})

test('any number of edits by whoever cannot sign is found, even where the chain was made anew', () => {
  const edits = fc.array(
    fc.record({ at: fc.nat(11), outcome: fc.constantFrom('done', 'other'), gone: fc.boolean() }),
    { minLength: 1, maxLength: 6 },
  )
  fc.assert(
    fc.property(edits, (many) => {
      const events = log.map((line) => JSON.parse(line))
      for (const { at, outcome } of many) events[at] = { ...events[at], outcome }
      const gone = new Set(many.filter((one) => one.gone).map(({ at }) => at))
      const anew = chained(events.filter((_, index) => !gone.has(index)))
      fc.pre(anew.join('\n') !== log.join('\n'))
      expect(verdictOf(anew, signed, keys).findings.length).toBeGreaterThan(0)
    }),
    { numRuns: 1000 },
  )
})

test('no bytes make it throw, and more findings are counted than told', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 40 }), { maxLength: 8 }), (lines) => {
      verdictOf(lines)
    }),
  )
  const { findings, findingCount } = verdictOf(Array.from({ length: 500 }, () => '{}'))
  expect(findings.length).toBe(100)
  expect(findingCount).toBe(500)
  expect(noEntry).toHaveLength(64)
})
