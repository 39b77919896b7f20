import { describe, expect, test } from 'vitest'
import { hexOf, sha256, type UnixSeconds } from '../bytes/index.ts'
import {
  parseDcapQuote,
  parsePckChain,
  parseQeReport,
  type SgxReportBody,
  type TdxQuote,
} from '../evidence/index.ts'
import { parseCertificateChain } from '../x509/index.ts'
import { intelSgxRootSpki, verifyTdxEvidence } from './index.ts'
import {
  absentVectors,
  type CapturedVector,
  hasSharedVectors,
  readCapturedVectors,
} from './shared-vectors.fixtures.ts'

const vectors = readCapturedVectors('tdx')
process.stdout.write(
  hasSharedVectors ? `${vectors.length} captured TDX vectors read\n` : `${absentVectors}\n`,
)

test.runIf(hasSharedVectors)('there are captured quotes of trust domains to examine', () => {
  expect(vectors.filter(({ quote }) => quote !== undefined).length).toBeGreaterThan(20)
  expect(vectors.filter(({ expected }) => expected.intel_tcb_status).length).toBeGreaterThan(20)
})

describe.each(vectors.filter(({ expected }) => 'mrtd' in (expected.parsed ?? {})))(
  '$name',
  (vector) => {
    test('is read as an independent parser reads it', () => {
      const parsed = vector.expected.parsed as unknown as Readonly<Record<string, unknown>>
      const quote = quoteOf(vector)
      const report = quote.tdReport
      const [rtmr0, rtmr1, rtmr2, rtmr3] = report.rtmr
      const { tdx15 } = report
      const found = {
        version: quote.version,
        att_key_type: quote.attestationKeyType,
        quote_length_by_header: (vector.quote?.length ?? 0) - quote.trailingBytes,
        file_length: vector.quote?.length,
        body: tdx15 === undefined ? 'tdx10' : 'tdx15',
        tee_tcb_svn: hexOf(report.teeTcbSvn),
        mrseam: hexOf(report.mrSeam),
        mrsignerseam: hexOf(report.mrSignerSeam),
        td_attributes: hexOf(report.tdAttributes),
        xfam: hexOf(report.xfam),
        mrtd: hexOf(report.mrTd),
        mrconfigid: hexOf(report.mrConfigId),
        mrowner: hexOf(report.mrOwner),
        mrownerconfig: hexOf(report.mrOwnerConfig),
        rtmr0: hexOf(rtmr0),
        rtmr1: hexOf(rtmr1),
        rtmr2: hexOf(rtmr2),
        rtmr3: hexOf(rtmr3),
        report_data: hexOf(report.reportData),
        ...(tdx15 && {
          tee_tcb_svn2: hexOf(tdx15.teeTcbSvn2),
          mrservicetd: hexOf(tdx15.mrServiceTd),
        }),
        debug: report.debug,
        qe_isvsvn: qeReportOf(quote).isvSvn,
        certification_data_type: quote.certificationData.type,
      }
      const { tee_type: _type, pck: _pck, signatures_ok: _signatures, ...expected } = parsed
      expect(found).toEqual(expected)
    })

    test('its PCK certificate is read as an independent parser reads it', () => {
      const { pck } = vector.expected.parsed ?? {}
      const chain = parsePckChain(quoteOf(vector))
      const leaf = chain?.ok ? chain.value[0] : undefined
      expect({
        fmspc: hexOf(leaf?.sgx?.fmspc ?? new Uint8Array()).toUpperCase(),
        pcesvn: leaf?.sgx?.pceSvn,
        cpusvn: hexOf(leaf?.sgx?.cpuSvn ?? new Uint8Array()),
        sgx_tcb_components: leaf?.sgx?.componentSvns,
      }).toEqual({
        fmspc: pck?.fmspc,
        pcesvn: pck?.pcesvn,
        cpusvn: pck?.cpusvn,
        sgx_tcb_components: pck?.sgx_tcb_components,
      })
    })
  },
)

/** What Intel's library calls a refusal, and what it is called here. */
const refusals: ReadonlyMap<string, string> = new Map([
  ['(no matching TCB level)', 'tcb-level-not-found'],
  ['TDX_MODULE_MISMATCH', 'tdx-module-mismatch'],
])

describe.each(vectors.filter(({ expected }) => expected.intel_tcb_status))('$name', (vector) => {
  test("the verdict is that of Intel's library", async () => {
    const { intel_tcb_status = '', matched_levels } = vector.expected
    const verified = await verifyVector(vector)
    const refusal = refusals.get(intel_tcb_status)
    if (refusal !== undefined) {
      expect(verified).toMatchObject({ ok: false, problem: { code: refusal } })
      return
    }
    expect(verified).toMatchObject({ ok: true, value: { tcbStatus: intel_tcb_status } })
    if (!verified.ok || matched_levels === undefined) return
    const { platform, qe, tdx_module, tcb_evaluation_data_number } = matched_levels
    const levels = [platform, qe, ...(tdx_module ? [tdx_module] : [])]
    expect({
      advisoryIds: [...verified.value.advisoryIds].sort(),
      tcbEvaluationDataNumber: verified.value.tcbEvaluationDataNumber,
      debug: verified.value.debug,
    }).toEqual({
      advisoryIds: [...new Set(levels.flatMap(({ advisoryIDs }) => advisoryIDs))].sort(),
      tcbEvaluationDataNumber: Math.min(
        tcb_evaluation_data_number.tcb_info,
        tcb_evaluation_data_number.qe_identity,
      ),
      debug: vector.expected.parsed?.debug,
    })
  })

  test('is refused under every root but its own', async () => {
    const verified = await verifyVector(vector, { roots: ['00'.repeat(32)] })
    expect(verified).toMatchObject({ ok: false, problem: { code: 'root-not-trusted' } })
  })
})

describe.each(
  vectors.filter(({ expected }) =>
    expected.cases?.some(({ expect: outcome }) => outcome === 'reject'),
  ),
)('$name', (vector) => {
  test.each(vector.expected.cases ?? [])(
    'at $time: $name $reason: $expect',
    async ({ time, set_byte, expect: outcome }) => {
      const quote = vector.quote?.slice() ?? new Uint8Array()
      if (set_byte !== undefined) quote[set_byte.offset] = set_byte.value
      expect(outcome).toBe('reject')
      const before = await verifyVector(vector)
      const after = await verifyVector({ ...vector, quote }, { at: time })
      expect(after.ok).toBe(false)
      // The vector itself is refused for its TCB level, the last thing looked at: a case must be refused before that.
      expect(!after.ok && after.problem.code).not.toBe(!before.ok && before.problem.code)
    },
  )
})

function quoteOf({ quote }: CapturedVector): TdxQuote {
  const parsed = parseDcapQuote(quote ?? new Uint8Array())
  if (!parsed.ok) throw new Error(`${parsed.problem.code} ${parsed.problem.at}`)
  if (parsed.value.kind !== 'tdx') throw new Error('not a quote of a trust domain')
  return parsed.value
}

async function verifyVector(
  vector: CapturedVector,
  changed: { readonly roots?: readonly string[]; readonly at?: UnixSeconds } = {},
): ReturnType<typeof verifyTdxEvidence> {
  const { quote, endorsements, expected } = vector
  if (quote === undefined || endorsements === undefined) throw new Error('incomplete vector')
  return verifyTdxEvidence({
    quote,
    endorsements,
    roots: changed.roots ?? [await rootOf(vector)],
    at: changed.at ?? expected.verification_time ?? Number.NaN,
  })
}

/** Intel's root, unless the vector brings one of its own. */
async function rootOf(vector: CapturedVector): Promise<string> {
  const pem = vector.file('trusted_root_ca.pem')
  if (pem === undefined) return intelSgxRootSpki.sha256
  const parsed = parseCertificateChain(new TextDecoder().decode(pem))
  const [root] = parsed.ok ? parsed.value : []
  return hexOf(await sha256(root?.spki ?? new Uint8Array()))
}

function qeReportOf(quote: TdxQuote): SgxReportBody {
  const report = parseQeReport(quote)
  if (!report.ok) throw new Error(report.problem.code)
  return report.value
}
