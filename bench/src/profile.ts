import { Session } from 'node:inspector/promises'

/** Where the time of one state went: shares of it in percent, by who ran. */
export interface ProfileShares {
  /** Signatures, keys and digests, which are native, and the event loop. */
  readonly native: number
  readonly garbageCollection: number
  /** Everything that is TypeScript. */
  readonly ours: number
  /** Our own code, by function, the largest first. */
  readonly functions: readonly (readonly [name: string, percent: number])[]
}

/** Runs `work` for `milliseconds` under V8's sampling profiler. */
export async function profileOf(
  work: () => Promise<unknown>,
  milliseconds = 3000,
): Promise<ProfileShares> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  const end = performance.now() + milliseconds
  while (performance.now() < end) await work()
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()

  const spent = new Map<string, number>()
  const nameOf = new Map(
    profile.nodes.map(({ id, callFrame }) => [
      id,
      `${callFrame.functionName} ${callFrame.url.split('/').slice(-2).join('/')}`.trim(),
    ]),
  )
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const name = nameOf.get(id) ?? ''
    spent.set(name, (spent.get(name) ?? 0) + (profile.timeDeltas?.[index] ?? 0))
  }
  const total = [...spent.values()].reduce((sum, time) => sum + time, 0)
  const percent = (time: number): number => Math.round((1000 * time) / total) / 10
  const shareOf = (isPart: (name: string) => boolean): number =>
    percent([...spent].filter(([name]) => isPart(name)).reduce((sum, [, t]) => sum + t, 0))
  const isOurs = (name: string): boolean => name.endsWith('.ts')
  const isCollection = (name: string): boolean => name.startsWith('(garbage collector)')
  return {
    native: shareOf((name) => !isOurs(name) && !isCollection(name)),
    garbageCollection: shareOf(isCollection),
    ours: shareOf(isOurs),
    functions: [...spent]
      .filter(([name]) => isOurs(name))
      .sort(([, a], [, b]) => b - a)
      .slice(0, 12)
      .map(([name, time]) => [name, percent(time)] as const),
  }
}
