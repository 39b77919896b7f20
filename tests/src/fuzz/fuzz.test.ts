import { expect, test } from 'vitest'
import {
  absentVectors,
  hasSharedVectors,
} from '../../../packages/attestation/src/verification/shared-vectors.fixtures.ts'
import { fuzz, fuzzOnce } from './fuzz.ts'
import { readFuzzSeeds } from './fuzz-seeds.ts'
import { makeFuzzSeeds } from './make-seeds.ts'
import { seedsToWrite } from './seeds-to-write.ts'
import { type FuzzTarget, fuzzTargets } from './targets.ts'

const targets = fuzzTargets()
const executionsMax = 800
const seed = 20_261_127
if (!hasSharedVectors) process.stdout.write(`${absentVectors}\n`)

test('there are parsers to try', () => {
  expect(targets.length).toBeGreaterThan(25)
})

test.each(targets)('$name accepts what it starts from', async ({ seeds, run }) => {
  expect(seeds.length).toBeGreaterThan(0)
  for (const one of seeds) expect(await run(one)).toMatchObject({ ok: true })
})

test.each(targets)('$name stands what is made of its seeds', async (target) => {
  const report = await fuzz(target, { seed, executionsMax, secondsMax: 15 })
  process.stdout.write(`${target.name}: ${report.executions} inputs, ${report.accepted} accepted\n`)
  expect(report.executions).toBeGreaterThan(300)
  expect(report.finding).toBe(undefined)
})

test('seeds can be made anew for every target, and are kept as long as they are accepted', async () => {
  const [kept, made] = [readFuzzSeeds(), await makeFuzzSeeds()]
  // Twice the same, and nothing to be written now.
  expect(await seedsToWrite(targets, { kept, made, named: [] })).toEqual(kept)
  const named = targets.map(({ name }) => name)
  const anew = await seedsToWrite(targets, { kept, made, named })
  for (const name of named) expect(anew.get(name)).toBe(made.get(name))
  const [first = ''] = named
  const refused = new Map(kept).set(first, [new Uint8Array(3)])
  const mended = await seedsToWrite(targets, { kept: refused, made, named: [] })
  expect(mended.get(first)).toBe(made.get(first))
  for (const seeds of [
    new Map(made).set(first, []),
    new Map(made).set(first, [new Uint8Array(3)]),
  ]) {
    await expect(seedsToWrite(targets, { kept, made: seeds, named })).rejects.toThrow(first)
  }
})

test('the same seed makes the same inputs', async () => {
  const inputsOf = async (chosen: number): Promise<readonly string[]> => {
    const inputs: string[] = []
    const run: FuzzTarget['run'] = (input) => {
      inputs.push(Buffer.from(input).toString('hex'))
      return { ok: input.length % 2 === 0 }
    }
    await fuzz(
      { name: 'recorded', seeds: [new Uint8Array(40)], run },
      { ...settings, seed: chosen, executionsMax: 100 },
    )
    return inputs
  }
  expect(await inputsOf(5)).toEqual(await inputsOf(5))
  expect(await inputsOf(5)).not.toEqual(await inputsOf(6))
})

const settings = { executionsMax: 500, secondsMax: 20 }

test.each<readonly [string, (input: Uint8Array) => void, RegExp]>([
  [
    'throws',
    () => {
      throw new Error('found')
    },
    /^throws Error: found$/,
  ],
  ['takes too long', () => waitMs(60), /^takes too long$/],
])('a parser that %s is found', async (name, misbehave, what) => {
  const run: FuzzTarget['run'] = (input) => {
    if (input[0] === 0xff) misbehave(input)
    return { ok: false }
  }
  const target: FuzzTarget = { name, seeds: [new Uint8Array(8)], run }
  const inputMsMax = 40
  const { finding } = await fuzz(target, { seed: 1, ...settings, inputMsMax })
  expect(finding?.what).toMatch(what)
  expect(finding && (await fuzzOnce(target, finding.input, inputMsMax))).toEqual(finding)
})

test('a parser that keeps what it was given is found', async () => {
  const kept: Uint8Array[] = []
  const run: FuzzTarget['run'] = (input) => {
    kept.push(input, new Uint8Array(262_144))
    return { ok: false }
  }
  const target: FuzzTarget = { name: 'keeping', seeds: [new Uint8Array(8)], run }
  expect((await fuzz(target, { seed: 1, ...settings })).finding?.what).toBe('keeps memory')
  expect(kept.length).toBe(1000)
})

function waitMs(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
