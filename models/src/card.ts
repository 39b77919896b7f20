/**
 * The model card: for programs as JSON, for people as a page. Both are written from the same values.
 *
 * @module
 */

import type { GateThresholds } from './gate/gate.ts'
import type { LearningSettings } from './learning/learn.ts'
import type { Metrics, PartMetrics } from './measurement.ts'
import type { OperatingPoint } from './measures.ts'

export const modelName = 'chest-pneumonia'
export const modelVersion = '1'

export const licence = 'CC BY 4.0'
export const citation =
  'D. Kermany, K. Zhang, M. Goldbaum. Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for Classification. Mendeley Data v2, 2018, doi:10.17632/rscbjbr9sj.2'

/** What a card is written from. */
export interface CardFacts {
  readonly sha256: string
  readonly bytes: number
  readonly parameters: number
  readonly dataSha256: string
  readonly splits: Readonly<Record<'train' | 'val' | 'test' | 'native', number>>
  readonly duplicatesLeftOut: number
  readonly settings: LearningSettings
  readonly runtime: string
  readonly threshold: number
  readonly gateThresholds: GateThresholds
  readonly metrics: Metrics
}

/** The card as data. `operatingPoint` is the one that a result is shown with. */
export function cardOf(facts: CardFacts): object {
  const { metrics } = facts
  return {
    model: {
      name: modelName,
      version: modelVersion,
      sha256: facts.sha256,
      bytes: facts.bytes,
      parameters: facts.parameters,
      format: 'ONNX, opset 13',
      input: '64 x 64 grey values in [0, 1], averaged by area, aspect ratio ignored',
      outputs: 'evidence map 8 x 8; logit, the mean of the map; probability; gate, refused above 1',
    },
    task: 'Pneumonia, yes or no, on a frontal chest radiograph (AP) of a child of 1 to 5 years',
    use: 'A demonstration of confidential inference. Not a medical device; not for diagnosis.',
    operatingPoint: {
      name: 'balanced',
      threshold: metrics.test.balanced.threshold,
      sensitivity: rounded(metrics.test.balanced.sensitivity),
      specificity: rounded(metrics.test.balanced.specificity),
      chosen: 'fixed beforehand: both classes weighed the same in training',
      measured: `on ${metrics.test.films} films of the official test part`,
    },
    operatingPoints: {
      balanced: point(metrics.test.balanced),
      screening: {
        ...point(metrics.test.screening),
        chosen: 'on the validation part: largest sensitivity + specificity',
      },
    },
    metrics: {
      test: part(metrics.test),
      validation: part(metrics.val),
      testWithDuplicates: roundedAll(metrics.testWithDuplicates),
      bacterialPneumoniaAgainstNormal: roundedAll(metrics.testBacteriaAgainstNormal),
      viralPneumoniaAgainstNormal: roundedAll(metrics.testVirusAgainstNormal),
      filmsAtNativeResolution: part(metrics.native),
      howOftenTheTestPartWasSeen,
    },
    published: publishedPeers.map(({ name, auc, accuracy, note }) => ({
      name,
      ...(auc === undefined ? {} : { auc }),
      accuracy,
      note,
    })),
    gate: {
      how: gateExplained,
      thresholds: roundedAll({ ...facts.gateThresholds }),
      validationFilmsRefused: `${metrics.val.refusedByGate} of ${metrics.val.films}`,
      testFilmsRefused: `${metrics.test.refusedByGate} of ${metrics.test.films}`,
      otherPicturesRefused: `${metrics.gate.otherPicturesRefused} of ${metrics.gate.otherPictures}`,
      otherPicturesThatPass: metrics.gate.otherPicturesThatPass,
      adultChestFilmsRefused: `${metrics.gate.adultChestFilmsRefused} of ${metrics.gate.adultChestFilms}`,
      testFilmsRefusedWhen: roundedAll({
        turnedByNinetyDegrees: metrics.gate.refusedTurnedLeft,
        upsideDown: metrics.gate.refusedUpsideDown,
        blackAndWhiteExchanged: metrics.gate.refusedInverted,
      }),
    },
    data: {
      title:
        'Labelled chest radiographs, paediatric, Guangzhou Women and Children’s Medical Center',
      licence,
      citation,
      alsoCite: 'D. Kermany et al., Cell 172(5):1122-1131, 2018, doi:10.1016/j.cell.2018.02.010',
      changes: 'copies of 224 x 224 pixels, JPEG quality 75; averaged to 64 x 64 for the model',
      splits: facts.splits,
      duplicatesLeftOut: facts.duplicatesLeftOut,
      sha256: facts.dataSha256,
      images: 'not part of this project',
    },
    training: {
      program: 'models/src/train.ts',
      seed: facts.settings.seed,
      epochs: facts.settings.epochs,
      batch: facts.settings.batch,
      peakRate: facts.settings.peakRate,
      augmentation: { ...facts.settings.augmentation },
      runtime: facts.runtime,
    },
    limits,
  }
}

/** The card as a page. */
export function cardPageOf(facts: CardFacts): string {
  const { metrics, splits } = facts
  return aligned(`# Model card: ${modelName}, version ${modelVersion}

Pneumonia, yes or no, on a frontal chest radiograph (AP) of a child of 1 to 5 years. It exists to show
confidential inference with a real model. **It is not a medical device and not for diagnosis.**

This page and \`chest-pneumonia.card.json\` are written by \`npm run train\`; do not edit them.

| | |
| --- | --- |
| file | \`chest-pneumonia.onnx\`, ${facts.bytes} bytes, ${facts.parameters} parameters, opset 13 |
| SHA-256 | \`${facts.sha256}\` |
| input | \`image\` [1,1,64,64]: grey in [0, 1], averaged by area, aspect ratio ignored |
| outputs | \`evidence_map\` [1,1,8,8]; \`logit\`, the mean of the map; \`probability\`; \`gate\`, refused above 1 |

The map is the model's own sum: its mean is the logit, so a heat map of it explains the answer exactly.

## Data

${splits.train} films to learn from, ${splits.val} to choose on, ${splits.test} of the official test part to measure on, by
patient; ${facts.duplicatesLeftOut} repeated films left out; ${splits.native} more at native resolution. ${licence}:
${citation}.
The images are not part of this project. SHA-256 over what was learnt from and chosen on: \`${facts.dataSha256}\`.

## What it achieves

| part | films | AUC | accuracy at 0.5 | sensitivity | specificity |
| --- | --- | --- | --- | --- | --- |
${row('official test part, as far as it is here', metrics.test)}
${row('validation', metrics.val)}
${row('native resolution', metrics.native)}

Bacterial pneumonia against normal: AUC ${three(metrics.testBacteriaAgainstNormal.auc)}; viral: ${three(metrics.testVirusAgainstNormal.auc)}. With the
repeated films of the test part (${metrics.testWithDuplicates.films} films): AUC ${three(metrics.testWithDuplicates.auc)}, accuracy ${three(metrics.testWithDuplicates.accuracy)}.

Confusion on the test part:

| operating point | threshold | true pos. | false neg. | true neg. | false pos. | sensitivity | specificity | accuracy |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${confusion('balanced, fixed', metrics.test.balanced)}
${confusion('screening, chosen on validation', metrics.test.screening)}

The balanced point is fixed: both classes weighed the same in training. Results are shown with it. The
screening point has the largest sensitivity + specificity on the validation part. ${howOftenTheTestPartWasSeen}

Published figures on the whole test part (624 films):

| | AUC | accuracy | |
| --- | --- | --- | --- |
${publishedPeers.map(({ name, auc, accuracy, note }) => `| ${name} | ${auc ?? ''} | ${accuracy} | ${note} |`).join('\n')}

## The gate

${gateExplained}

| pictures | refused |
| --- | --- |
| validation films | ${metrics.val.refusedByGate} of ${metrics.val.films} |
| test films | ${metrics.test.refusedByGate} of ${metrics.test.films} |
| pictures of anything but a human chest (MR, CT, PET, ultrasound, mammogram, leg, photograph, test pattern, a dog) | ${metrics.gate.otherPicturesRefused} of ${metrics.gate.otherPictures} |
| chest films of adults | ${metrics.gate.adultChestFilmsRefused} of ${metrics.gate.adultChestFilms} |
| test films turned by 90 degrees | ${percent(metrics.gate.refusedTurnedLeft)} |
| test films upside down | ${percent(metrics.gate.refusedUpsideDown)} |
| test films with black and white exchanged | ${percent(metrics.gate.refusedInverted)} |

It misses: ${metrics.gate.otherPicturesThatPass.length === 0 ? 'none of these pictures' : metrics.gate.otherPicturesThatPass.join(', ')}. It is one of two gates: the platform looks at
modality, body part, projection and size before.

## Limits

${limits.map((limit) => `- ${limit}`).join('\n')}
`)
}

/** Gives the columns of each table one width, as the formatter wants it. */
function aligned(page: string): string {
  return page.replace(/(?:^\|.*\|\n)+/gm, (table) => {
    const rows = table
      .trimEnd()
      .split('\n')
      .map((line) =>
        line
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim()),
      )
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(...rows.map((cells) => (cells[column] ?? '').length)),
    )
    const lines = rows.map((cells, index) => {
      const padded = cells.map((cell, column) =>
        cell.padEnd(widths[column] ?? 0, index === 1 ? '-' : ' '),
      )
      return `| ${padded.join(' | ')} |\n`
    })
    return lines.join('')
  })
}

const howOftenTheTestPartWasSeen =
  'The test films that are here were looked at: four training runs were measured on them before augmentation and batch-norm statistics were settled, and the balanced point became the one that results are shown with after the screening point had lost specificity on them. Their figures flatter the model a little; the part of the official test that is held elsewhere was never seen.'

const gateExplained =
  'Two distances, both inside the ONNX graph, so that the digest of the model covers them: of the last block’s averaged channels from those of the training films (Mahalanobis), and of the film at 16 x 16 from the 32 principal components of the training films. The output is the larger of the two, each over its threshold; each threshold lets 99.5 % of the validation films pass.'

const limits: readonly string[] = [
  'Children of 1 to 5 years from one hospital, films AP. Adult films are out of domain: the model knows pneumonia and nothing else, and an adult film with multiple masses may get a low probability.',
  'The normal films of this data set were taken sharper: the size of the JPEG file alone tells the classes apart with AUC 0.83. What the model reads at 64 x 64 may hold some of that.',
  'Normal films of the official test part differ from those of the training part in framing and exposure; a threshold chosen on validation is less specific on them. Expect such a shift at any new site.',
  'A film with black and white exchanged, or with a wrong window, changes the answer. The gate finds some of them, not all.',
  'Films of 64 x 64 pixels hide small findings. The map has 8 x 8 cells and can light up outside the lungs.',
  'The probability is not calibrated for any prevalence: both classes weighed the same in training.',
]

const publishedPeers: readonly {
  readonly name: string
  readonly auc?: number
  readonly accuracy: number
  readonly note: string
}[] = [
  { name: 'ResNet-18, 28 x 28', auc: 0.944, accuracy: 0.854, note: 'MedMNIST v2, PneumoniaMNIST' },
  { name: 'best accuracy of that table', accuracy: 0.884, note: 'MedMNIST v2' },
  { name: 'MobileNet, full images', accuracy: 0.942, note: 'Trivedi and Gupta 2021' },
]

function part(metrics: PartMetrics): object {
  const { films, pneumonia, normal, auc, balanced, screening } = metrics
  return {
    films,
    pneumonia,
    normal,
    auc: rounded(auc),
    accuracyAtHalf: rounded(balanced.accuracy),
    accuracyAtScreeningPoint: rounded(screening.accuracy),
  }
}

function point(found: OperatingPoint): object {
  return roundedAll({ ...found })
}

function row(name: string, { films, auc, balanced }: PartMetrics): string {
  return `| ${name} | ${films} | ${three(auc)} | ${three(balanced.accuracy)} | ${three(balanced.sensitivity)} | ${three(balanced.specificity)} |`
}

function confusion(name: string, found: OperatingPoint): string {
  const { truePositives, falseNegatives, trueNegatives, falsePositives } = found
  return `| ${name} | ${three(found.threshold)} | ${truePositives} | ${falseNegatives} | ${trueNegatives} | ${falsePositives} | ${three(found.sensitivity)} | ${three(found.specificity)} | ${three(found.accuracy)} |`
}

const three = (value: number): string => value.toFixed(3)
const percent = (share: number): string => `${(share * 100).toFixed(0)} %`
const rounded = (value: number): number => Math.round(value * 1e4) / 1e4

function roundedAll(values: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, rounded(value)]))
}
