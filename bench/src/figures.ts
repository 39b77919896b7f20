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
