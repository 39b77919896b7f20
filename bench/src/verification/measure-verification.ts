import { loadavg } from 'node:os'
import { inRounds, type Rounds } from '../rounds.ts'
import { type DcapCase, sgxCase, tdxCase } from './dcap-cases.ts'
import { dcapStates } from './dcap-states.ts'
import { peersFor } from './peers.ts'
import { signatureLimit } from './signature-limit.ts'
import { snpCase } from './snp-case.ts'
import { snpStates } from './snp-states.ts'
import { atLeast, type Target, within } from './targets.ts'

/** Evidence of one kind: how much of it is verified in a second, on one thread, and what was asked for. */
export interface EvidenceFigures {
  /** What was verified. */
  readonly evidence: string
  readonly perSecond: Readonly<Record<string, Rounds>>
  readonly targets: readonly Target[]
}

export interface VerificationFigures {
  readonly node: string
  /** Runnable processes, over the last minute, before and after. */
  readonly loadAverage: readonly [before: number, after: number]
  readonly sgx: EvidenceFigures
  /** Absent where there is no captured quote. */
  readonly tdx?: EvidenceFigures
  readonly snp: EvidenceFigures
}

/** Measures our verifier, its peers and the limit, on the Node that runs this. */
export async function measureVerification(): Promise<VerificationFigures> {
  const before = load()
  const sgx = await measureDcap(await sgxCase(), 432)
  const tdx = tdxCase()
  return {
    node: process.version,
    sgx,
    ...(tdx === undefined ? {} : { tdx: await measureDcap(tdx, 632) }),
    snp: await measureSnp(),
    loadAverage: [before, load()],
  }
}

/** `signedBytes`: header and report body. */
async function measureDcap(
  { evidence, input, isReal }: DcapCase,
  signedBytes: number,
): Promise<EvidenceFigures> {
  const { nothingCached, platformNew, platformKnown } = dcapStates(input)
  const ours = {
    nothingCached,
    platformNew,
    platformKnown,
    limit: signatureLimit({ namedCurve: 'P-256', digest: 'sha256', signedBytes }, input.quote),
  }
  const nearLimit = 'platform known: within 1.3 times of one P-256 signature and one hash'
  if (!isReal) {
    const perSecond = await inRounds(ours)
    const { limit, platformKnown: known } = perSecond
    return { evidence, perSecond, targets: [within(1.3, nearLimit, known, limit)] }
  }

  const peers = await peersFor(input)
  const status = await nothingCached()
  for (const say of [platformNew, platformKnown, peers.dcapQvl, peers.dcapQvlWeb]) {
    if ((await say()) !== status) throw new Error('what is compared does not say the same')
  }
  const perSecond = await inRounds({ ...ours, ...peers })
  const { limit } = perSecond
  const against = (peer: keyof typeof peers): readonly Target[] => [
    atLeast(3, `nothing cached: 3 times ${peer}`, perSecond.nothingCached, perSecond[peer], limit),
    atLeast(7, `platform new: 7 times ${peer}`, perSecond.platformNew, perSecond[peer], limit),
    atLeast(
      80,
      `platform known: 80 times ${peer}`,
      perSecond.platformKnown,
      perSecond[peer],
      limit,
    ),
  ]
  return {
    evidence,
    perSecond,
    targets: [
      ...against('dcapQvl'),
      ...against('dcapQvlWeb'),
      within(1.3, nearLimit, perSecond.platformKnown, limit),
    ],
  }
}

async function measureSnp(): Promise<EvidenceFigures> {
  const { evidence, input } = await snpCase()
  const { nothingCached, platformKnown } = snpStates(input)
  const perSecond = await inRounds({
    nothingCached,
    platformKnown,
    limit: signatureLimit(
      { namedCurve: 'P-384', digest: 'sha384', signedBytes: 0x2a0 },
      input.report,
    ),
  })
  const nearLimit = 'platform known: within 1.2 times of one P-384 signature and one hash'
  return {
    evidence,
    perSecond,
    targets: [within(1.2, nearLimit, perSecond.platformKnown, perSecond.limit)],
  }
}

function load(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100
}
