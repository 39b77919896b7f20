import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { amdWorld, milanTcb } from '../verification/amd-world.fixtures.ts'
import {
  amdRootSpkis,
  intelSgxRootSpki,
  type SgxEvidence,
  type TdxEvidence,
  type Verified,
  verifyDcapEvidence,
  verifySnpEvidence,
} from '../verification/index.ts'
import { instant, lifetimeSeconds, sampleWorld } from '../verification/sample-world.fixtures.ts'
import { hasSharedVectors, readCapturedVectors } from '../verification/shared-vectors.fixtures.ts'
import {
  type AnyEvidence,
  appraise,
  claimsOf,
  effectiveTcbStatus,
  forecastTcb,
  parseReferenceValues,
  type ReferenceValues,
  skeletonOf,
  verdictOf,
} from './index.ts'
import { warningsOf } from './verdict-of.ts'

const world = await sampleWorld()
const sample = await world.verify()
if (!sample.ok) throw new Error(sample.problem.code)
const evidence = sample.value

const chip = await amdWorld('Milan')
const guest = await verifySnpEvidence(await chip.input())
if (!guest.ok) throw new Error(guest.problem.code)

const context = { at: instant, deployment: undefined }
const deployment = 'urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff'
const all: readonly Verified<AnyEvidence>[] = [evidence, guest.value, ...(await captured())]
process.stdout.write(`${all.length} pieces of evidence appraised\n`)

describe.each(all.map((one) => [one.kind, one] as const))('evidence of %s', (_, one) => {
  test('meets the skeleton that was made of it', () => {
    const values = parsed(skeletonOf(one))
    const verdict = appraise(one, { ...values, debug: 'dangerously-allowed' }, context)
    const codes = verdict.kind === 'contraindicated' ? verdict.problems.map(({ code }) => code) : []
    // A skeleton accepts what is up to date, of which nothing is known, and after whose revocation somebody looked.
    const { tcb, advisoryIds, revocation } = warningsOf(one)
    expect(codes.filter((code) => code !== 'wrong-tcb-status')).toEqual([
      ...advisoryIds.map(() => 'advisory-not-tolerated'),
      ...(revocation ? ['wrong-revocation'] : []),
    ])
    expect(verdict.kind === 'contraindicated').toBe(tcb || revocation)
  })

  test('is refused by each field of the skeleton once it asks for something else', () => {
    const skeleton = skeletonOf(one) as Readonly<Record<string, unknown>>
    let examined = 0
    for (const [name, value] of Object.entries(skeleton)) {
      const { kind, value: wanted } = value as { kind?: string; value?: unknown }
      if ((kind !== 'equals' && kind !== 'at-least') || typeof wanted === 'object') continue
      const other =
        typeof wanted === 'number'
          ? { kind, value: wanted + 1 }
          : {
              kind,
              value: typeof wanted === 'string' && /^[0-9a-f]+$/.test(wanted) ? '0000000f' : 'x',
            }
      const values = { ...parsed(skeleton), [name]: other } as ReferenceValues
      const verdict = appraise(one, values, context)
      expect(verdict, name).toMatchObject({ kind: 'contraindicated' })
      if (verdict.kind !== 'contraindicated') continue
      expect(verdict.problems.map(({ at }) => at)).toContain(name)
      examined += 1
    }
    expect(examined).toBeGreaterThan(5)
  })

  test('no field may be left out, and none added', () => {
    const skeleton = skeletonOf(one)
    for (const name of Object.keys(skeleton)) {
      const { [name]: _gone, ...others } = skeleton as Readonly<Record<string, unknown>>
      expect(parseReferenceValues(others)).toMatchObject({
        ok: false,
        problem: { code: 'field-missing', at: name },
      })
    }
    expect(parseReferenceValues({ ...skeleton, more: 1 })).toMatchObject({
      problem: { code: 'field-unknown' },
    })
  })

  test('a problem more never makes the verdict better, and none is left out', () => {
    const skeleton = skeletonOf(one) as Readonly<Record<string, unknown>>
    const names = Object.keys(skeleton).filter(
      (name) => !['format', 'kind', 'debug'].includes(name),
    )
    const open = { kind: 'unchecked', reason: 'open' }
    const lax = parsed({
      ...skeleton,
      ...Object.fromEntries(names.map((name) => [name, open])),
      debug: 'dangerously-allowed',
    })
    const strict = parsed(skeleton) as unknown as Readonly<Record<string, unknown>>
    const refused = parsed({ ...skeleton, debug: 'dangerously-allowed' })
    const unmeetable = names.filter(
      (name) =>
        !['tcbStatus', 'tcbBaselineDate', 'advisories', 'revocation'].includes(name) &&
        !name.endsWith('Tcb'),
    )
    const never = { kind: 'equals', value: 'what nothing is' }
    const asked = (met: readonly string[], unmet: readonly string[]): ReferenceValues =>
      ({
        ...lax,
        ...Object.fromEntries(met.map((name) => [name, strict[name]])),
        ...Object.fromEntries(unmet.map((name) => [name, never])),
      }) as ReferenceValues
    const of = (values: ReferenceValues): { readonly tier: number; readonly at: string[] } => {
      const verdict = appraise(one, values, context)
      return {
        tier: ['affirming', 'warning', 'contraindicated'].indexOf(verdict.kind),
        at: verdict.kind === 'contraindicated' ? verdict.problems.map(({ at }) => at) : [],
      }
    }
    const own = new Set(of(refused).at)
    fc.assert(
      fc.property(
        fc.subarray(names),
        fc.subarray(unmeetable),
        fc.subarray(unmeetable),
        (met, unmet, more) => {
          const few = of(asked(met, unmet))
          const many = of(asked(met, [...unmet, ...more]))
          expect(many.tier).toBeGreaterThanOrEqual(few.tier)
          expect(few.at.filter((at) => !own.has(at))).toHaveLength(unmet.length)
          expect(many.at).toEqual(expect.arrayContaining([...new Set([...unmet, ...more])]))
        },
      ),
      { numRuns: 50 },
    )
  })

  test('its claims are named, and measurements are lower-case hex', () => {
    const claims = claimsOf(one)
    const measurement = { sgx: 'mrEnclave', tdx: 'mrTd', snp: 'measurement' }[one.kind]
    expect(claims[measurement]).toMatch(/^[0-9a-f]+$/)
    expect(claims['debug']).toBe(one.debug)
  })
})

test('the examples of the specification are read', () => {
  const page = readFileSync(
    resolve(import.meta.dirname, '../../../../docs/spec/reference-values.md'),
    'utf8',
  )
  const examples = [...page.matchAll(/```json\n([^`]*)```/g)].map(([, json = '']) =>
    JSON.parse(json),
  )
  expect(examples.map((example) => parsed(example as object).kind)).toEqual(['sgx', 'tdx', 'snp'])
})

test('evidence of one TEE does not meet what is asked of another', () => {
  const values = { ...parsed(skeletonOf(evidence)), kind: 'tdx' } as ReferenceValues
  expect(appraise(evidence, values, context)).toMatchObject({
    problems: [{ code: 'wrong-kind' }],
  })
})

test('a value under a mask is compared where the mask is set, and nowhere else', () => {
  const skeleton = skeletonOf(evidence)
  const asked = (value: string, mask: string): string => {
    const attributes = { kind: 'masked', value, mask }
    return appraise(evidence, parsed({ ...skeleton, attributes }), context).kind
  }
  const { attributes } = evidence
  const ff = 'ff'.repeat(16)
  const zero = '00'.repeat(16)
  expect(asked(attributes, ff)).toBe('affirming')
  const one = `01${zero.slice(2)}`
  expect(Number.parseInt(attributes.slice(0, 2), 16) & 0x03).toBe(0x01)
  expect(asked(ff, one)).toBe('affirming')
  expect(asked(`02${attributes.slice(2)}`, ff)).toBe('contraindicated')
  expect(asked(`02${zero.slice(2)}`, `02${zero.slice(2)}`)).toBe('contraindicated')
})

test('the deployment is the one that was found bound, and none is not any', () => {
  const values = parsed({
    ...skeletonOf(evidence),
    deployment: { kind: 'equals', value: deployment },
  })
  expect(appraise(evidence, values, { at: instant, deployment })).toMatchObject({
    kind: 'affirming',
  })
  for (const other of [undefined, 'urn:uuid:00000000-8b86-d011-b42d-00c04fc964ff']) {
    expect(appraise(evidence, values, { at: instant, deployment: other })).toMatchObject({
      problems: [{ code: 'wrong-deployment' }],
    })
  }
})

test('an advisory is tolerated until its day, and no longer', async () => {
  const warned = await world.verify({
    endorsements: await world.endorsementsWith({ advisoryIds: ['INTEL-SA-00001'] }),
  })
  if (!warned.ok) throw new Error(warned.problem.code)
  const toleration = (until: string, id = 'INTEL-SA-00001'): ReferenceValues =>
    parsed({
      ...skeletonOf(warned.value),
      advisories: { kind: 'tolerated', tolerated: [{ id, reason: 'patched elsewhere', until }] },
    })
  const at = Date.parse('2027-01-01T00:00:00Z') / 1000
  const asked = (values: ReferenceValues, when: number): string =>
    appraise(warned.value, values, { at: when, deployment: undefined }).kind
  expect(asked(toleration('2027-01-01T00:00:00Z'), at)).toBe('warning')
  expect(asked(toleration('2027-01-01T00:00:00Z'), at + 1)).toBe('contraindicated')
  expect(asked(toleration('2030-01-01T00:00:00Z', 'INTEL-SA-00002'), at)).toBe('contraindicated')
  expect(verdictOf(warned.value)).toMatchObject({
    kind: 'warning',
    advisoryIds: ['INTEL-SA-00001'],
  })
})

test('a quoting enclave that is behind is not hidden by a platform that is new enough', async () => {
  const day = 86_400
  const behind = await world.endorsementsWith({
    at: instant - 20 * day,
    lifetimeSeconds: 40 * day,
    qeTcbStatus: 'OutOfDate',
  })
  const old = await world.verify({
    endorsements: {
      ...world.endorsements,
      qe_identity: behind.qe_identity,
      qe_identity_signature: behind.qe_identity_signature,
    },
  })
  if (!old.ok) throw new Error(old.problem.code)
  expect(old.value.tcbStatus).toBe('OutOfDate')
  // The platform's level is of 30 days ago, the quoting enclave's of 50.
  expect(effectiveTcbStatus(old.value, instant - 50 * day)).toBe('UpToDate')
  expect(effectiveTcbStatus(old.value, instant - 50 * day + 1)).toBe('OutOfDate')
  expect(evidence.tcbDate).toBe(instant - 30 * day)
})

describe('a chip', () => {
  const skeleton = skeletonOf(guest.value)
  const floor = { fmc: 0, ...milanTcb }

  test.each(['reportedTcb', 'committedTcb', 'launchTcb'] as const)(
    'whose %s is older in one component than accepted is refused by that component',
    (name) => {
      for (const component of ['fmc', 'bootloader', 'tee', 'snp', 'microcode'] as const) {
        const value = { ...floor, [component]: floor[component] + 1 }
        const values = parsed({ ...skeleton, [name]: { kind: 'at-least', value } })
        const verdict = appraise(guest.value, values, context)
        expect(verdict).toMatchObject({
          problems: [{ code: 'wrong-tcb', at: `${name}.${component}` }],
        })
      }
    },
  )

  test('is affirmed when its components are the accepted ones or newer', () => {
    const value = { fmc: 0, bootloader: 0, tee: 0, snp: 0, microcode: floor.microcode }
    const values = parsed({ ...skeleton, reportedTcb: { kind: 'at-least', value } })
    expect(appraise(guest.value, values, context).kind).toBe('affirming')
    expect(verdictOf(guest.value).kind).toBe('affirming')
  })

  test('after whose revocation nobody looked is a warning where that was allowed, and refused where not', async () => {
    const { crls: _none, ...input } = await chip.input()
    const unlooked = await verifySnpEvidence({
      ...input,
      crls: [],
      revocation: { unchecked: 'no list here' },
    })
    if (!unlooked.ok) throw new Error(unlooked.problem.code)
    const asked = (revocation: object): ReferenceValues => parsed({ ...skeleton, revocation })
    const good = asked({ kind: 'equals', value: 'good' })
    expect(verdictOf(unlooked.value).kind).toBe('warning')
    expect(appraise(unlooked.value, good, context)).toMatchObject({
      problems: [{ code: 'wrong-revocation' }],
    })
    expect(
      appraise(unlooked.value, asked({ kind: 'unchecked', reason: 'offline' }), context).kind,
    ).toBe('warning')
    // Its skeleton asks that somebody looks, and what is better than the evidence meets it.
    expect(skeletonOf(unlooked.value)).toMatchObject({ revocation: { value: 'good' } })
  })
})

test.each([
  [
    'a mask of zeros, which asks for nothing',
    { miscSelect: { kind: 'masked', value: '00000000', mask: '00000000' } },
  ],
  ['a mask of another length', { miscSelect: { kind: 'masked', value: '00000000', mask: '01' } }],
  ['bytes of another length', { miscSelect: { kind: 'equals', value: '0000' } }],
  ['upper-case hex', { miscSelect: { kind: 'equals', value: '0000000A' } }],
  ['a floor of bytes', { miscSelect: { kind: 'at-least', value: 1 } }],
  ['a mask of a name', { deployment: { kind: 'masked', value: deployment, mask: deployment } }],
  ['a deployment that is none', { deployment: { kind: 'equals', value: 'clinic' } }],
  ["a status that is not Intel's", { tcbStatus: { kind: 'equals', value: 'uptodate' } }],
  ['an empty list', { isvSvn: { kind: 'one-of', values: [] } }],
  ['an empty reason', { isvSvn: { kind: 'unchecked', reason: ' ' } }],
  [
    'a day that does not exist',
    { tcbBaselineDate: { kind: 'at-least', value: '2027-02-30T00:00:00Z' } },
  ],
  [
    'a time that does not exist',
    { tcbBaselineDate: { kind: 'at-least', value: '2027-02-01T24:00:00Z' } },
  ],
  ['debugging that is just allowed', { debug: 'allowed' }],
])('%s is refused', (_, changed) => {
  expect(parseReferenceValues({ ...skeletonOf(evidence), ...changed })).toMatchObject({
    ok: false,
    problem: { code: expect.stringMatching(/^wrong-(value|type)$/) },
  })
})

test('an instant of another zone, or to the millisecond, is refused', () => {
  for (const value of ['2027-02-01T00:00:00+01:00', '2027-02-01T00:00:00.000Z']) {
    const changed = { tcbBaselineDate: { kind: 'at-least', value } }
    expect(parseReferenceValues({ ...skeletonOf(evidence), ...changed })).toMatchObject({
      problem: { code: 'too-long', at: 'tcbBaselineDate.value' },
    })
  }
})

test('tolerations need their reason and their day, and are not without number', () => {
  const one = { id: 'INTEL-SA-00001', reason: 'patched', until: '2027-02-01T00:00:00Z' }
  const asked = (tolerated: readonly object[]): unknown =>
    parseReferenceValues({
      ...skeletonOf(evidence),
      advisories: { kind: 'tolerated', tolerated },
    })
  const { reason: _why, ...unreasoned } = one
  const { until: _when, ...endless } = one
  expect(asked(Array(256).fill(one))).toMatchObject({ ok: true })
  expect(asked(Array(257).fill(one))).toMatchObject({ problem: { code: 'too-many' } })
  for (const incomplete of [unreasoned, endless]) {
    expect(asked([incomplete])).toMatchObject({ problem: { code: 'field-missing' } })
  }
})

test('a forecast says when today ends, when the early documents are of, and what is made of both', async () => {
  const early = await world.verify({
    endorsements: await world.endorsementsWith({
      tcbStatus: 'OutOfDate',
      advisoryIds: ['INTEL-SA-00001'],
      tcbEvaluationDataNumber: 2,
    }),
  })
  const referenceValues = parsed({
    ...skeletonOf(evidence),
    deployment: { kind: 'equals', value: deployment },
  })
  const forecast = forecastTcb(sample, early, { referenceValues, at: instant, deployment })
  expect(forecast).toMatchObject({
    changes: true,
    today: { kind: 'verified', verdict: { kind: 'affirming' } },
    early: {
      kind: 'verified',
      tcbStatus: 'OutOfDate',
      tcbEvaluationDataNumber: 2,
      tcbInfoIssueDate: instant,
      tcbInfoNextUpdate: instant + lifetimeSeconds,
      verdict: {
        problems: [{ code: 'wrong-tcb-status' }, { code: 'advisory-not-tolerated' }],
      },
    },
    advisoriesAdded: ['INTEL-SA-00001'],
    todayStandsUntil: instant + lifetimeSeconds,
  })
  const elsewhere = forecastTcb(sample, early, { referenceValues, ...context })
  expect(elsewhere.today).toMatchObject({ verdict: { kind: 'contraindicated' } })
})

test('a refusal under either set is part of the forecast', async () => {
  const revoked = await world.verify({
    endorsements: await world.endorsementsWith({ tcbStatus: 'Revoked' }),
  })
  expect(forecastTcb(sample, revoked)).toMatchObject({
    changes: true,
    early: { kind: 'refused', problem: { code: 'tcb-revoked' } },
    todayStandsUntil: instant + lifetimeSeconds,
  })
  expect(forecastTcb(revoked, sample)).toMatchObject({
    changes: true,
    today: { kind: 'refused' },
    todayStandsUntil: undefined,
  })
  expect(forecastTcb(revoked, revoked)).toMatchObject({ changes: false })
})

test('a debug enclave is a warning where nothing was asked for, and refused where it was', async () => {
  const debug = await world.verify({
    quote: await world.vendor.quote({ ...world.enclave, debug: true }),
  })
  if (!debug.ok) throw new Error(debug.problem.code)
  expect(verdictOf(debug.value).kind).toBe('warning')
  expect(verdictOf(evidence).kind).toBe('affirming')
  expect(appraise(debug.value, parsed(skeletonOf(debug.value)), context)).toMatchObject({
    kind: 'contraindicated',
    problems: [{ code: 'debug' }],
  })
})

test.runIf(hasSharedVectors)('a level at or after the baseline counts as up to date', () => {
  const eval21 = readCapturedVectors('tdx').find(({ name }) => name === 'openenclave-v5-eval21')
  const cases = (eval21?.expected.cases ?? []).filter(({ policy }) => policy?.tcbBaselineDate)
  expect(cases.length).toBeGreaterThan(1)
  const level = all.find(
    (one) => one.kind === 'tdx' && one.teeTcbSvn.startsWith('0201'),
  ) as TdxEvidence
  for (const { policy, expect: outcome } of cases) {
    expect(effectiveTcbStatus(level, policy?.tcbBaselineDate)).toBe(outcome)
  }
})

test.runIf(hasSharedVectors)("Intel's next evaluation is foretold", async () => {
  const [today, early] = await Promise.all(
    ['automata-v3-ev17', 'automata-v3-ev18'].map(async (name) => {
      const vector = readCapturedVectors('sgx').find((one) => one.name === name)
      if (vector?.quote === undefined || vector.endorsements === undefined) throw new Error(name)
      return verifyDcapEvidence({
        quote: vector.quote,
        endorsements: vector.endorsements,
        roots: [intelSgxRootSpki.sha256],
        at: vector.expected.verification_time ?? Number.NaN,
      })
    }),
  )
  if (today === undefined || early === undefined) throw new Error('vectors')
  expect(forecastTcb(today, early)).toMatchObject({
    changes: true,
    today: { tcbStatus: 'SWHardeningNeeded', tcbEvaluationDataNumber: 17 },
    early: { tcbStatus: 'OutOfDate', tcbEvaluationDataNumber: 18 },
    advisoriesAdded: ['INTEL-SA-01079', 'INTEL-SA-01103', 'INTEL-SA-00657', 'INTEL-SA-00767'],
    advisoriesRemoved: [],
  })
  expect(forecastTcb(today, today)).toMatchObject({ changes: false, todayStandsUntil: undefined })
})

function parsed(json: object): ReferenceValues {
  const values = parseReferenceValues(JSON.parse(JSON.stringify(json)))
  if (!values.ok) throw new Error(`${values.problem.code} ${values.problem.at}`)
  return values.value
}

/** One of each kind, where the vectors are. */
async function captured(): Promise<readonly Verified<AnyEvidence>[]> {
  const found: Verified<AnyEvidence>[] = []
  for (const name of ['openenclave-v5-eval21', 'teepot-v4-ok']) {
    const tdx = readCapturedVectors('tdx').find((one) => one.name === name)
    if (tdx?.quote === undefined || tdx.endorsements === undefined) continue
    const verified = await verifyDcapEvidence({
      quote: tdx.quote,
      endorsements: tdx.endorsements,
      roots: [intelSgxRootSpki.sha256],
      at: tdx.expected.verification_time ?? Number.NaN,
    })
    if (verified.ok) found.push(verified.value as Verified<SgxEvidence>)
  }
  const snp = readCapturedVectors('snp').find(({ name }) => name === 'ms-turin')
  const verified =
    snp &&
    (await verifySnpEvidence({
      report: snp.file('report.bin') ?? new Uint8Array(),
      certificates: ['vcek.der', 'ask.der', 'ark.der'].map((n) => snp.file(n) ?? new Uint8Array()),
      crls: [],
      revocation: { unchecked: 'no list in the vectors' },
      roots: Object.values(amdRootSpkis),
      at: snp.expected.verification_time ?? Number.NaN,
    }))
  if (verified?.ok) found.push(verified.value)
  return found
}
