/**
 * Reads a model card: JSON of the provider's own making. What is known by name is shown in a form of
 * its own, the rest as it stands.
 *
 * @module
 */

export interface Card {
  readonly task: string | undefined
  readonly use: string | undefined
  readonly limits: readonly string[]
  readonly points: readonly OperatingFigures[]
  readonly published: readonly Published[]
  /** Everything else, by its name in the card. */
  readonly rest: Readonly<Record<string, unknown>>
}

/** How films fell at one operating point. */
export interface OperatingFigures {
  readonly name: string
  readonly threshold: number
  readonly truePositives: number
  readonly falsePositives: number
  readonly trueNegatives: number
  readonly falseNegatives: number
}

/** What others have published on the same task. */
export interface Published {
  readonly name: string
  readonly auc: number | undefined
  readonly accuracy: number | undefined
  readonly note: string | undefined
}

export function cardOf(json: unknown): Card {
  const {
    task,
    use,
    limits,
    operatingPoints,
    operatingPoint: _,
    published,
    model,
    ...rest
  } = recordOf(json)
  return {
    task: textOf(task),
    use: textOf(use),
    limits: listOf(limits).filter((limit) => typeof limit === 'string'),
    points: Object.entries(recordOf(operatingPoints)).flatMap(([name, point]) =>
      figuresOf(name, recordOf(point)),
    ),
    published: listOf(published).map(recordOf).flatMap(publishedOf),
    rest: { ...rest, ...(model !== undefined && { model }) },
  }
}

/** A name of the card as words: `trainingData` as `Training data`. Acronyms stay what they are. */
export function wordsOfName(name: string): string {
  const words = name
    .replace(/[-_]/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/\b(auc|sha256|onnx|dicom)\b/g, (acronym) => acronym.toUpperCase())
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function figuresOf(
  name: string,
  point: Readonly<Record<string, unknown>>,
): readonly OperatingFigures[] {
  const [threshold, truePositives, falsePositives, trueNegatives, falseNegatives] = [
    'threshold',
    'truePositives',
    'falsePositives',
    'trueNegatives',
    'falseNegatives',
  ].map((key) => numberOf(point[key]))
  return threshold === undefined ||
    truePositives === undefined ||
    falsePositives === undefined ||
    trueNegatives === undefined ||
    falseNegatives === undefined
    ? []
    : [{ name, threshold, truePositives, falsePositives, trueNegatives, falseNegatives }]
}

function publishedOf(entry: Readonly<Record<string, unknown>>): readonly Published[] {
  const name = textOf(entry['name'])
  return name === undefined
    ? []
    : [
        {
          name,
          auc: numberOf(entry['auc']),
          accuracy: numberOf(entry['accuracy']),
          note: textOf(entry['note']),
        },
      ]
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {}
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined
