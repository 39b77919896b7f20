import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  amdRootSpkis,
  intelSgxRootSpki,
  type SgxEvidence,
  type TdxEvidence,
  type Verified,
  verifyDcapEvidence,
  verifySnpEvidence,
} from '../verification/index.ts'
import { instant, sampleWorld } from '../verification/sample-world.fixtures.ts'
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

const world = await sampleWorld()
const sample = await world.verify()
if (!sample.ok) throw new Error(sample.problem.code)
const evidence = sample.value

const context = { at: instant, deployment: undefined }
const all: readonly Verified<AnyEvidence>[] = [evidence, ...(await captured())]
process.stdout.write(`${all.length} pieces of evidence appraised\n`)

describe.each(all.map((one) => [one.kind, one] as const))('evidence of %s', (_, one) => {
  test('meets the skeleton that was made of it', () => {
    const values = parsed(skeletonOf(one))
    const verdict = appraise(one, { ...values, debug: 'dangerously-allowed' }, context)
    const codes = verdict.kind === 'contraindicated' ? verdict.problems.map(({ code }) => code) : []
    // A skeleton accepts what is up to date and of which nothing is known.
    expect(
      codes.filter((code) => !/^(wrong-tcb-status|advisory-not-tolerated)$/.test(code)),
    ).toEqual([])
  })

  test('is refused by each field of the skeleton once it asks for something else', () => {
    const skeleton = skeletonOf(one) as Readonly<Record<string, unknown>>
    let examined = 0
    for (const [name, value] of Object.entries(skeleton)) {
      const { kind, value: wanted } = value as { kind?: string; value?: unknown }
      if (kind !== 'equals' && kind !== 'at-least') continue
      const other =
        typeof wanted === 'number'
          ? { kind, value: wanted + 1 }
          : { kind, value: /^[0-9a-f]+$/.test(String(wanted)) ? '0000000f' : 'x' }
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

  test('an expectation more never makes the verdict better', () => {
    const skeleton = skeletonOf(one) as Readonly<Record<string, unknown>>
    const names = Object.keys(skeleton).filter(
      (name) => !['format', 'kind', 'debug'].includes(name),
    )
    const open = { kind: 'unchecked', reason: 'open' }
    const lax = parsed({ ...skeleton, ...Object.fromEntries(names.map((name) => [name, open])) })
    const tiers = ['affirming', 'warning', 'contraindicated', 'none']
    fc.assert(
      fc.property(fc.subarray(names), fc.subarray(names), (some, more) => {
        const asked = (list: readonly string[]): ReferenceValues =>
          ({
            ...lax,
            ...Object.fromEntries(list.map((name) => [name, (parsed(skeleton) as never)[name]])),
          }) as ReferenceValues
        const few = tiers.indexOf(appraise(one, asked(some), context).kind)
        const many = tiers.indexOf(appraise(one, asked([...some, ...more]), context).kind)
        expect(many).toBeGreaterThanOrEqual(few)
      }),
      { numRuns: 30 },
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
  expect(asked(ff, zero)).toBe('affirming')
  expect(asked(`02${attributes.slice(2)}`, ff)).toBe('contraindicated')
  expect(asked(`02${zero.slice(2)}`, `02${zero.slice(2)}`)).toBe('contraindicated')
})

test('the deployment is the one that was found bound, and none is not any', () => {
  const deployment = 'urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff'
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
  expect(forecastTcb(today, today)).toMatchObject({ changes: false, changesBy: undefined })
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
