/** What a threshold does: probabilities at or above it count as pneumonia. */
export interface OperatingPoint {
  readonly threshold: number
  readonly truePositives: number
  readonly falsePositives: number
  readonly trueNegatives: number
  readonly falseNegatives: number
  readonly sensitivity: number
  readonly specificity: number
  readonly accuracy: number
}

/** Counts at `threshold`. `labels` and `scores` go together. */
export function operatingPoint(
  labels: readonly boolean[],
  scores: Float32Array,
  threshold: number,
): OperatingPoint {
  const count = (label: boolean, positive: boolean): number =>
    labels.filter(
      (actual, index) => actual === label && (scores[index] as number) >= threshold === positive,
    ).length
  const truePositives = count(true, true)
  const falsePositives = count(false, true)
  const trueNegatives = count(false, false)
  const falseNegatives = count(true, false)
  return {
    threshold,
    truePositives,
    falsePositives,
    trueNegatives,
    falseNegatives,
    sensitivity: truePositives / (truePositives + falseNegatives),
    specificity: trueNegatives / (trueNegatives + falsePositives),
    accuracy: (truePositives + trueNegatives) / labels.length,
  }
}

/** Area under the ROC curve: how often a positive scores above a negative, ties counting half. */
export function areaUnderCurve(labels: readonly boolean[], scores: Float32Array): number {
  const positives = scores.filter((_, index) => labels[index] === true).sort()
  const negatives = scores.filter((_, index) => labels[index] === false).sort()
  let below = 0
  let notAbove = 0
  let wins = 0
  for (const score of positives) {
    while (below < negatives.length && (negatives[below] as number) < score) below++
    while (notAbove < negatives.length && (negatives[notAbove] as number) <= score) notAbove++
    wins += (below + notAbove) / 2
  }
  return wins / (positives.length * negatives.length)
}

/** The threshold, in the middle between two scores, with the largest sensitivity + specificity. */
export function youdenThreshold(labels: readonly boolean[], scores: Float32Array): number {
  const ascending = [...new Set(scores)].sort((one, other) => one - other)
  let best = { threshold: 0.5, index: -1 }
  for (let at = 1; at < ascending.length; at++) {
    const threshold = ((ascending[at - 1] as number) + (ascending[at] as number)) / 2
    const { sensitivity, specificity } = operatingPoint(labels, scores, threshold)
    const index = sensitivity + specificity - 1
    if (index > best.index) best = { threshold, index }
  }
  return best.threshold
}

/** The value that `share` of all are at or below, by the nearest rank. */
export function quantile(values: Float32Array, share: number): number {
  const ascending = values.slice().sort()
  const rank = Math.ceil(share * ascending.length) - 1
  return ascending[Math.min(Math.max(rank, 0), ascending.length - 1)] as number
}
