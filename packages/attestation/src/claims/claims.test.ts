import { describe, expect, test } from 'vitest'
import { hexOf } from '../bytes/index.ts'
import type { PeerExpectation } from '../evidence/index.ts'
import type { SgxEvidence, Verified } from '../verification/index.ts'
import { instant, sampleWorld } from '../verification/sample-world.fixtures.ts'
import {
  appraise,
  meets,
  referenceValuesOf,
  type SgxReferenceValues,
  type Verdict,
} from './index.ts'

const world = await sampleWorld()
const evidence = await verified({})
const peer: PeerExpectation = {
  role: 'diagnostics',
  mrEnclave: ['00'.repeat(32), hexOf(world.enclave.mrEnclave)],
  mrSigner: [hexOf(world.enclave.mrSigner)],
  isvProdId: 7,
  isvSvnMin: 3,
  debug: 'refused',
  tcbStatuses: ['UpToDate', 'SWHardeningNeeded'],
  configId: [hexOf(world.enclave.configId ?? new Uint8Array()).slice(0, 64)],
}
const deployment = 'urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff'
const expected = referenceValuesOf(peer, deployment)

const appraiseSgx = (found: Verified<SgxEvidence>, asked: SgxReferenceValues): Verdict =>
  appraise(found, asked, { at: instant, deployment })

describe('expectations', () => {
  test.each([
    [{ kind: 'equals', value: 3 }, 3, true],
    [{ kind: 'equals', value: 3 }, 4, false],
    [{ kind: 'one-of', values: [1, 3] }, 3, true],
    [{ kind: 'one-of', values: [1, 3] }, 2, false],
    [{ kind: 'at-least', value: 3 }, 3, true],
    [{ kind: 'at-least', value: 3 }, 2, false],
    [{ kind: 'at-least', value: 3 }, Number.NaN, false],
    [{ kind: 'unchecked', reason: 'said so' }, 2, true],
  ] as const)('%j of %d: %s', (expectation, actual, outcome) => {
    expect(meets(expectation, actual)).toBe(outcome)
  })
})

describe('evidence', () => {
  test('that is all that was asked for is affirmed', () => {
    expect(appraiseSgx(evidence, expected)).toMatchObject({
      kind: 'affirming',
      claims: expect.arrayContaining([{ type: 'tcbStatus', value: 'UpToDate' }]),
    })
  })

  test("of a platform that Intel has something against is affirmed with Intel's warning", async () => {
    const warned = await verified({ tcbStatus: 'SWHardeningNeeded', advisoryIds: ['A-1', 'A-2'] })
    expect(appraiseSgx(warned, expected)).toMatchObject({
      kind: 'warning',
      advisoryIds: ['A-1', 'A-2'],
    })
  })

  test('that is up to date, with an advisory nevertheless, is affirmed with that warning', async () => {
    const warned = await verified({ advisoryIds: ['A-1'] })
    expect(appraiseSgx(warned, expected)).toMatchObject({ kind: 'warning', advisoryIds: ['A-1'] })
  })

  test.each([
    ['mrEnclave', 'wrong-mr-enclave', { kind: 'equals', value: 'ab' }],
    ['mrSigner', 'wrong-mr-signer', { kind: 'equals', value: 'ab' }],
    ['isvProdId', 'wrong-isv-prod-id', { kind: 'equals', value: 8 }],
    ['isvSvn', 'wrong-isv-svn', { kind: 'at-least', value: 4 }],
    ['configId', 'wrong-config-id', { kind: 'equals', value: 'ab' }],
    ['reportData', 'wrong-report-data', { kind: 'equals', value: 'ab' }],
    ['tcbStatus', 'wrong-tcb-status', { kind: 'equals', value: 'OutOfDate' }],
    [
      'tcbEvaluationDataNumber',
      'wrong-tcb-evaluation-data-number',
      { kind: 'at-least', value: 100 },
    ],
  ] as const)('with another %s is refused: %s', (field, code, expectation) => {
    const asked = { ...expected, [field]: expectation } as SgxReferenceValues
    expect(appraiseSgx(evidence, asked)).toMatchObject({
      kind: 'contraindicated',
      problems: [{ code, at: field, detail: expect.stringContaining(String(evidence[field])) }],
    })
  })

  test('that fails twice is refused with both reasons', () => {
    const asked = referenceValuesOf({ ...peer, isvProdId: 1, isvSvnMin: 9 }, deployment)
    expect(appraiseSgx(evidence, asked)).toMatchObject({
      kind: 'contraindicated',
      problems: [{ code: 'wrong-isv-prod-id' }, { code: 'wrong-isv-svn' }],
    })
  })

  test('of an enclave for debugging is refused unless that was allowed, dangerously', async () => {
    const debug = await verified({}, true)
    expect(appraiseSgx(debug, expected)).toMatchObject({
      kind: 'contraindicated',
      problems: [{ code: 'debug' }],
    })
    const allowed = referenceValuesOf({ ...peer, debug: 'dangerously-allowed' }, deployment)
    expect(appraiseSgx(debug, allowed)).toMatchObject({ kind: 'affirming' })
  })
})

describe('reference values of a peer', () => {
  test('an empty list accepts nothing', () => {
    for (const field of ['mrEnclave', 'mrSigner', 'tcbStatuses', 'configId'] as const) {
      const asked = referenceValuesOf({ ...peer, [field]: [] }, deployment)
      expect(appraiseSgx(evidence, asked)).toMatchObject({ kind: 'contraindicated' })
    }
  })

  test('a status that Intel does not have accepts nothing', () => {
    const asked = referenceValuesOf({ ...peer, tcbStatuses: ['uptodate'] }, deployment)
    expect(appraiseSgx(evidence, asked)).toMatchObject({
      kind: 'contraindicated',
      problems: [{ code: 'wrong-tcb-status' }],
    })
  })

  test('a peer whose configuration is not asked for is not compared with one', () => {
    const { configId: _none, ...others } = peer
    expect(referenceValuesOf(others, deployment).configId).toMatchObject({ kind: 'unchecked' })
    expect(appraiseSgx(evidence, referenceValuesOf(others, deployment))).toMatchObject({
      kind: 'affirming',
    })
  })
})

async function verified(
  options: Parameters<typeof world.endorsementsWith>[0],
  debug = false,
): Promise<Verified<SgxEvidence>> {
  const result = await world.verify({
    quote: await world.vendor.quote({ ...world.enclave, debug }),
    endorsements: await world.endorsementsWith(options),
  })
  if (!result.ok) throw new Error(result.problem.code)
  return result.value
}
