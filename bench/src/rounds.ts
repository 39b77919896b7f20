import { rounded } from './figures.ts'

/** How often something was done in a second: the median, and the least and most, of several rounds. */
export interface Rounds {
  readonly median: number
  readonly min: number
  readonly max: number
}

const rounds = 17
const millisecondsEach = 200

/**
 * Measures things that are to be compared, each in turn, round after round: what disturbs the machine disturbs all.
 * Every round begins with another of them.
 */
export async function inRounds<Name extends string>(
  works: Readonly<Record<Name, () => unknown>>,
): Promise<Readonly<Record<Name, Rounds>>> {
  const names = Object.keys(works) as Name[]
  const entries = names.map((name) => [name, works[name]] as const)
  const rates = new Map<Name, number[]>(entries.map(([name]) => [name, []]))
  for (const [, work] of entries) await timesASecond(work)
  for (let round = 0; round < rounds; round++) {
    const first = round % entries.length
    for (const [name, work] of [...entries.slice(first), ...entries.slice(0, first)]) {
      rates.get(name)?.push(await timesASecond(work))
    }
  }
  const figures = [...rates].map(([name, found]) => [name, roundsOf(found)] as const)
  return Object.fromEntries(figures) as Record<Name, Rounds>
}

function roundsOf(rates: readonly number[]): Rounds {
  const sorted = [...rates].sort((one, other) => one - other)
  const at = (index: number): number => rounded(sorted[index] ?? Number.NaN)
  return { median: at(sorted.length >> 1), min: at(0), max: at(sorted.length - 1) }
}

/** One after the other. */
async function timesASecond(work: () => unknown): Promise<number> {
  const started = performance.now()
  let runs = 0
  let elapsed = 0
  while (elapsed < millisecondsEach) {
    await work()
    runs += 1
    elapsed = performance.now() - started
  }
  return runs / (elapsed / 1000)
}
