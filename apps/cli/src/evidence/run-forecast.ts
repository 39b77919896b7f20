import { type ForecastSide, forecastTcb, type TcbForecast } from '@sealward/attestation/claims'
import { verifyDcapEvidence } from '@sealward/attestation/verification'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import type { ExitCode } from '../problem.ts'
import { rfc3339 } from './instant.ts'
import { type ReadQuote, readEvidence } from './read-evidence.ts'
import { bytesIn } from './read-file.ts'
import { readOptions, type VerifyFlags } from './read-options.ts'
import type { EvidenceSurroundings } from './surroundings.ts'
import { unreadable } from './unreadable.ts'
import { deploymentOf, type VerifyOptions } from './verify.ts'

/** `sealward evidence forecast`. */
export async function runForecast(
  surroundings: EvidenceSurroundings,
  file: string,
  flags: VerifyFlags & { readonly early: readonly string[] },
): Promise<ExitCode> {
  const bytes = await bytesIn(file, 'FILE')
  if (!bytes.ok) return unreadable(surroundings, flags, bytes.problem)
  const read = readEvidence(bytes.value)
  if (!read.ok) return unreadable(surroundings, flags, read.problem)
  const evidence = read.value
  if (evidence.kind !== 'dcap') {
    const detail = 'only Intel publishes endorsements early: an SGX or TDX quote expected'
    return unreadable(surroundings, flags, { kind: 'input', code: 'usage', at: 'FILE', detail })
  }
  const today = await readOptions(surroundings, evidence, flags)
  if (!today.ok) return unreadable(surroundings, flags, today.problem)
  const early = await readOptions(surroundings, evidence, flags, {
    files: flags.early,
    baseline: 'early',
  })
  if (!early.ok) return unreadable(surroundings, flags, early.problem)

  const { referenceValues, at } = today.value
  const outcomes = [
    // What an evidence document brings is what holds today.
    await verifiedWith(evidence, today.value, evidence.endorsements),
    await verifiedWith(evidence, early.value, undefined),
  ] as const
  const verified = outcomes.find((outcome) => outcome.ok)
  const deployment = verified?.ok ? await deploymentOf(evidence, verified.value) : undefined
  const forecast = forecastTcb(...outcomes, referenceValues && { referenceValues, at, deployment })
  surroundings.out(flags.json === true ? jsonLineOf(forecast) : textOf(forecast))
  for (const side of [forecast.today, forecast.early]) {
    if (side.kind === 'refused' && side.problem.code === 'missing-endorsements') return 3
  }
  return isContraindicated(forecast.early) ? 1 : 0
}

async function verifiedWith(
  { quote }: ReadQuote,
  { endorsements, roots, at }: VerifyOptions,
  own: ReadQuote['endorsements'],
): ReturnType<typeof verifyDcapEvidence> {
  const texts = endorsements.intel ?? own
  if (texts === undefined) {
    const detail = 'no endorsements of Intel’s'
    return { ok: false, problem: { code: 'missing-endorsements', at: 'endorsements', detail } }
  }
  return verifyDcapEvidence(
    { quote, endorsements: texts, roots, at },
    { cryptography: nodeCryptography },
  )
}

function isContraindicated(side: ForecastSide): boolean {
  return side.kind === 'refused' || side.verdict?.kind === 'contraindicated'
}

function jsonLineOf({ todayStandsUntil, ...others }: TcbForecast): string {
  const until = todayStandsUntil === undefined ? null : rfc3339(todayStandsUntil)
  return `${JSON.stringify({ ...others, todayStandsUntil: until })}\n`
}

function textOf(forecast: TcbForecast): string {
  return [
    `Today   ${sideText(forecast.today)}\n`,
    `Early   ${sideText(forecast.early)}\n`,
    forecast.changes ? `Changes${untilText(forecast.todayStandsUntil)}.\n` : 'Nothing changes.\n',
    ...forecast.advisoriesAdded.map((id) => `  new advisory       ${id}\n`),
    ...forecast.advisoriesRemoved.map((id) => `  advisory withdrawn ${id}\n`),
    ...problemsOf(forecast.early).map((line) => `  early: ${line}\n`),
    isContraindicated(forecast.early) && !isContraindicated(forecast.today)
      ? 'Next: have the platform updated, or the policy changed, before then.\n'
      : '',
  ].join('')
}

function untilText(todayStandsUntil: number | undefined): string {
  return todayStandsUntil === undefined
    ? ''
    : `; what Intel says today stands until ${rfc3339(todayStandsUntil)} at most`
}

function sideText(side: ForecastSide): string {
  if (side.kind === 'refused') return `refused: ${side.problem.code}: ${side.problem.detail}`
  const { tcbStatus, tcbEvaluationDataNumber, tcbDate, verdict } = side
  const judged = verdict === undefined ? '' : `, ${verdict.kind}`
  return `${tcbStatus} (evaluation ${tcbEvaluationDataNumber}, level of ${rfc3339(tcbDate)})${judged}`
}

/** What Reference Values make of a side. */
function problemsOf(side: ForecastSide): readonly string[] {
  return side.kind === 'verified' && side.verdict?.kind === 'contraindicated'
    ? side.verdict.problems.map(({ code, at, detail }) => `${code} (${at}): ${detail}`)
    : []
}
