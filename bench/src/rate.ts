/** How often something was done, measured in this process. */
export interface Rate {
  readonly perSecond: number
  readonly perCpuSecond: number
  readonly runs: number
}

/** Runs `work` one after the other for `milliseconds` after a fifth of that as warm-up. */
export async function rateOf(work: () => unknown, milliseconds = 2000): Promise<Rate> {
  await during(work, milliseconds / 5)
  const cpu = process.cpuUsage()
  const started = performance.now()
  const runs = await during(work, milliseconds)
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return {
    perSecond: rounded(runs / seconds),
    perCpuSecond: rounded(runs / ((user + system) / 1e6)),
    runs,
  }
}

async function during(work: () => unknown, milliseconds: number): Promise<number> {
  const end = performance.now() + milliseconds
  let runs = 0
  while (performance.now() < end) {
    await work()
    runs++
  }
  return runs
}

/** Median and 99th percentile of some times. */
export function quantiles(times: readonly number[]): {
  readonly p50: number
  readonly p99: number
} {
  const sorted = [...times].sort((one, other) => one - other)
  const at = (share: number): number =>
    rounded(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
  return { p50: at(0.5), p99: at(0.99) }
}

/** Three digits that mean something. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3))
}
