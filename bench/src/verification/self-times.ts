import { Session } from 'node:inspector/promises'

/** A function and the share of the time, in percent, that was spent in it and in nothing it called. */
export type SelfTime = readonly [name: string, percent: number]

/**
 * Runs `work` for `milliseconds` under V8's sampling profiler; the largest `count` of what it saw come first.
 * What is not TypeScript of ours has no file: native calls, and V8's own in brackets.
 */
export async function selfTimesOf(
  work: () => Promise<unknown>,
  milliseconds: number,
  count: number,
): Promise<readonly SelfTime[]> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  const end = performance.now() + milliseconds
  while (performance.now() < end) await work()
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()

  const nameOf = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url } }) => [
      id,
      `${functionName || '(anonymous)'} ${url.split('/').slice(-2).join('/')}`.trim(),
    ]),
  )
  const spent = new Map<string, number>()
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const name = nameOf.get(id) ?? '(unknown)'
    spent.set(name, (spent.get(name) ?? 0) + (profile.timeDeltas?.[index] ?? 0))
  }
  const total = [...spent.values()].reduce((sum, time) => sum + time, 0)
  return [...spent]
    .sort(([, one], [, other]) => other - one)
    .slice(0, count)
    .map(([name, time]) => [name, Math.round((1000 * time) / total) / 10])
}
