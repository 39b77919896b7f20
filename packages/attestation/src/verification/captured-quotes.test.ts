import { describe, expect, test } from 'vitest'
import { equalBytes, hexOf, sha256, type UnixSeconds } from '../bytes/index.ts'
import { type Endorsements, parseTcbInfo, type TcbInfo } from '../endorsements/index.ts'
import {
  parsePckChain,
  parseQeReport,
  parseSgxQuote,
  type SgxQuote,
  type SgxReportBody,
} from '../evidence/index.ts'
import {
  type Certificate,
  isSignedBy,
  p256KeyOf,
  parseCertificate,
  parseCertificateChain,
  webCryptography,
} from '../x509/index.ts'
import { verifyChain } from './chain.ts'
import { intelSgxRootSpki, verifySgxEvidence } from './index.ts'
import { intelSgxRootCertificates } from './intel-root.ts'
import {
  verifyAttestationKeyBinding,
  verifyQeReportSignature,
  verifyQuoteSignature,
} from './quote-signatures.ts'
import { settling } from './refusal.ts'
import {
  absentVectors,
  type CapturedVector,
  hasSharedVectors,
  readCapturedVectors,
} from './shared-vectors.fixtures.ts'

const vectors = readCapturedVectors('sgx')
process.stdout.write(
  hasSharedVectors ? `${vectors.length} captured SGX vectors read\n` : `${absentVectors}\n`,
)

test.runIf(hasSharedVectors)('there are captured quotes to examine', () => {
  expect(vectors.filter(({ quote }) => quote !== undefined).length).toBeGreaterThan(20)
  expect(vectors.filter(({ expected }) => expected.intel_tcb_status).length).toBeGreaterThan(20)
})

describe.each(vectors.filter(({ quote }) => quote !== undefined))('$name', (vector) => {
  test('is read as an independent parser reads it', async () => {
    const { parsed } = vector.expected
    const quote = quoteOf(vector)
    const body = quote.reportBody
    expect({
      version: quote.version,
      att_key_type: quote.attestationKeyType,
      file_length: parsed?.quote_length_by_header ?? 0,
      mrenclave: hexOf(body.mrEnclave),
      mrsigner: hexOf(body.mrSigner),
      isvprodid: body.isvProdId,
      isvsvn: body.isvSvn,
      attributes: hexOf(body.attributes),
      miscselect: hexOf(body.miscSelect),
      cpusvn: hexOf(body.cpuSvn),
      report_data: hexOf(body.reportData),
      debug: body.debug,
      qe_isvsvn: qeReportOf(quote).isvSvn,
      certification_data_type: quote.certificationData.type,
    }).toEqual({
      version: parsed?.version,
      att_key_type: parsed?.att_key_type,
      file_length: (parsed?.file_length ?? 0) - quote.trailingBytes,
      mrenclave: parsed?.mrenclave,
      mrsigner: parsed?.mrsigner,
      isvprodid: parsed?.isvprodid,
      isvsvn: parsed?.isvsvn,
      attributes: parsed?.attributes,
      miscselect: parsed?.miscselect,
      cpusvn: parsed?.cpusvn,
      report_data: parsed?.report_data,
      debug: parsed?.debug,
      qe_isvsvn: parsed?.qe_isvsvn,
      certification_data_type: parsed?.certification_data_type,
    })
  })

  test('its PCK certificate is read as an independent parser reads it', async () => {
    const { pck } = vector.expected.parsed ?? {}
    const [leaf] = chainOf(quoteOf(vector))
    expect(leaf === undefined).toBe(pck === undefined)
    if (leaf === undefined || pck === undefined) return
    const last = chainOf(quoteOf(vector)).at(-1)
    expect({
      fmspc: hexOf(leaf.sgx?.fmspc ?? new Uint8Array()).toUpperCase(),
      pceid: hexOf(leaf.sgx?.pceId ?? new Uint8Array()),
      pcesvn: leaf.sgx?.pceSvn,
      cpusvn: hexOf(leaf.sgx?.cpuSvn ?? new Uint8Array()),
      sgx_tcb_components: leaf.sgx?.componentSvns,
      sgx_type: leaf.sgx?.sgxType,
      issuer: leaf.issuerCommonName,
      not_before: isoOf(leaf.notBefore),
      not_after: isoOf(leaf.notAfter),
      // The independent parser took the last certificate for the root, in any order.
      root_certificate_sha256: hexOf(await sha256(last?.der ?? new Uint8Array())),
    }).toEqual(pck)
  })

  test('each signature in it verifies exactly when an independent library says so', async () => {
    const expected = vector.expected.parsed?.signatures_ok
    const quote = quoteOf(vector)
    const chain = chainOf(quote)
    const [leaf] = chain
    const holds = async (step: () => Promise<void>): Promise<boolean> => (await settling(step)).ok
    expect({
      quote: await holds(() =>
        verifyQuoteSignature(quote, p256KeyOf(quote.attestationKey), webCryptography),
      ),
      qe_report_binds_attestation_key: await holds(() =>
        verifyAttestationKeyBinding(quote, qeReportOf(quote), webCryptography),
      ),
      ...(leaf && {
        qe_report: await holds(() => verifyQeReportSignature(quote, leaf, webCryptography)),
        pck_chain_order: await isOrdered(chain),
      }),
    }).toEqual(expected)
  })
})

describe.each(
  vectors.filter(({ expected }) => expected.intel_tcb_status ?? expected.intel_collateral_problem),
)('$name', (vector) => {
  test("the verdict is that of Intel's library", async () => {
    const { intel_tcb_status, intel_collateral_problem, matched_levels } = vector.expected
    const verified = await verifyVector(vector)
    if (intel_collateral_problem !== undefined) {
      expect(verified.ok).toBe(false)
      return
    }
    expect(verified).toMatchObject({ ok: true, value: { tcbStatus: intel_tcb_status } })
    if (!verified.ok || matched_levels === undefined) return
    const { platform, qe, tcb_evaluation_data_number } = matched_levels
    expect({
      tcbDate: isoOf(verified.value.tcbDate),
      advisoryIds: [...verified.value.advisoryIds].sort(),
      tcbEvaluationDataNumber: verified.value.tcbEvaluationDataNumber,
      debug: verified.value.debug,
    }).toEqual({
      tcbDate: platform.tcbDate,
      advisoryIds: [...new Set([...platform.advisoryIDs, ...qe.advisoryIDs])].sort(),
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

  test.each([
    ['tcb_info', 'tcb-info-signature'],
    ['qe_identity', 'qe-identity-signature'],
  ] as const)('one character more in %s is refused', async (field, code) => {
    const { endorsements } = vector
    if (endorsements === undefined) throw new Error('no endorsements')
    const changed = { ...endorsements, [field]: `${endorsements[field]} ` }
    const verified = await verifyVector({ ...vector, endorsements: changed })
    expect(verified).toMatchObject({ ok: false, problem: { code } })
  })

  test.each(['root_ca_crl', 'pck_crl'] as const)('is refused without %s', async (field) => {
    const { endorsements } = vector
    if (endorsements === undefined) throw new Error('no endorsements')
    const verified = await verifyVector({
      ...vector,
      endorsements: { ...endorsements, [field]: '' },
    })
    expect(verified).toMatchObject({
      ok: false,
      problem: { code: 'missing-endorsements', at: field },
    })
  })
})

/** A capture without revocation lists: all else is verified, so that its cases are told apart, and nothing is believed. */
describe.each(vectors.filter(({ expected }) => expected.cases))('$name', (vector) => {
  const { quote = new Uint8Array(), endorsements } = vector
  if (endorsements === undefined) throw new Error('no endorsements')
  const verifiedAt = async (texts: Endorsements, at: UnixSeconds): Promise<string> => {
    const roots = [intelSgxRootSpki.sha256]
    const verified = await verifySgxEvidence({ quote, endorsements: texts, roots, at })
    return verified.ok ? 'verified' : `${verified.problem.code} ${verified.problem.at}`
  }
  const onlyRevocationIsMissing = 'missing-endorsements root_ca_crl'

  test.each(vector.expected.cases ?? [])(
    'at $time: $expect $reason$change',
    async ({ time, expect: outcome, policy, change }) => {
      const { tcbEvaluationDataNumber } = tcbInfoOf(endorsements)
      const isNewEnough = tcbEvaluationDataNumber >= (policy?.minTcbEvaluationDataNumber ?? 0)
      for (const changed of change === undefined ? [endorsements] : changesOf(endorsements)) {
        const isAccepted =
          (await verifiedAt(changed, time)) === onlyRevocationIsMissing && isNewEnough
        expect(isAccepted ? 'accept' : 'reject').toBe(outcome)
      }
    },
  )

  test('what its cases refuse is refused for the stated reason', async () => {
    const codes = await Promise.all(
      (vector.expected.cases ?? []).map(({ time }) => verifiedAt(endorsements, time)),
    )
    expect(codes).toEqual([
      onlyRevocationIsMissing,
      'certificate-expired pck_certificate_chain[0]',
      'certificate-not-yet-valid pck_certificate_chain[0]',
      'qe-identity-not-yet-valid qe_identity',
      'qe-identity-expired qe_identity',
      onlyRevocationIsMissing,
      onlyRevocationIsMissing,
    ])
  })
})

test.runIf(hasSharedVectors)(
  'the known certificates of the root signed themselves, with its key',
  async () => {
    const found = new Set<string>()
    for (const vector of vectors.filter(({ quote }) => quote !== undefined)) {
      const last = chainOf(quoteOf(vector)).find(({ issuer, subject }) =>
        equalBytes(issuer, subject),
      )
      const name = hexOf(await sha256(last?.der ?? new Uint8Array()))
      if (last === undefined || !intelSgxRootCertificates.has(name)) continue
      expect(await isSignedBy(last, last)).toBe(true)
      expect(hexOf(await sha256(last.spki))).toBe(intelSgxRootSpki.sha256)
      found.add(name)
    }
    expect(found).toEqual(intelSgxRootCertificates)
  },
)

describe.runIf(hasSharedVectors)('what is no quote or no certificate', () => {
  test('a broken Open Enclave report holds a quote of no platform', async () => {
    const report = named('openenclave-bad-report').file('report.bin') ?? new Uint8Array()
    const quote = parseSgxQuote(report.subarray(16))
    const chain = quote.ok ? chainOf(quote.value) : []
    const roots = [intelSgxRootSpki.sha256]
    const expected = { at: 'pck', length: 3, leafIsCa: false, roots } as const
    const settled = await settling(() => verifyChain(chain, expected, webCryptography))
    expect(settled).toMatchObject({ ok: false, problem: { code: 'chain' } })
  })

  test('a broken Open Enclave certificate is signed by nobody, itself included', async () => {
    const der = named('openenclave-bad-cert-ec').file('certificate.der') ?? new Uint8Array()
    const certificate = parseCertificate(der)
    const isSigned = certificate.ok && (await isSignedBy(certificate.value, certificate.value))
    expect(isSigned).toBe(false)
  })

  test('a Gramine certificate is read', () => {
    const der = named('ratls-gramine-cert').file('certificate.der') ?? new Uint8Array()
    expect(parseCertificate(der)).toMatchObject({ ok: true, value: { subjectCommonName: 'RATLS' } })
  })

  test('the hash of a quote is the one that Azure Attestation signed for it', async () => {
    const vector = named('maa-sample-post-2020')
    const verified = await verifyVector(vector)
    expect(verified).toMatchObject({
      ok: true,
      value: {
        hashes: { quote: 'e2e7d0d775f53b47b9bc9c579565cd5bca0cd0c51ccb9a99c1f076e1730607df' },
      },
    })
  })
})

function named(name: string): CapturedVector {
  const vector = vectors.find((one) => one.name === name)
  if (vector === undefined) throw new Error(`no vector ${name}`)
  return vector
}

function quoteOf({ quote }: CapturedVector): SgxQuote {
  const parsed = parseSgxQuote(quote ?? new Uint8Array())
  if (!parsed.ok) throw new Error(`${parsed.problem.code} ${parsed.problem.at}`)
  return parsed.value
}

function chainOf(quote: SgxQuote): readonly Certificate[] {
  const chain = parsePckChain(quote)
  return chain?.ok ? chain.value : []
}

async function isOrdered(chain: readonly Certificate[]): Promise<boolean> {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1] ?? certificate
    if (!(await isSignedBy(certificate, issuer))) return false
  }
  return true
}

async function verifyVector(
  vector: CapturedVector,
  { roots }: { readonly roots?: readonly string[] } = {},
): ReturnType<typeof verifySgxEvidence> {
  const { quote, endorsements, expected } = vector
  if (quote === undefined || endorsements === undefined) throw new Error('incomplete vector')
  return verifySgxEvidence({
    quote,
    endorsements,
    roots: roots ?? [await rootOf(vector)],
    at: expected.verification_time ?? Number.NaN,
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

function tcbInfoOf({ tcb_info }: Endorsements): TcbInfo {
  const parsed = parseTcbInfo(tcb_info)
  if (!parsed.ok) throw new Error(parsed.problem.code)
  return parsed.value
}

/** The case says "last byte-level change of tcb_info or qe_identity": the last digit of each, one by one. */
function changesOf(endorsements: Endorsements): readonly Endorsements[] {
  return (['tcb_info', 'qe_identity'] as const).map((field) => ({
    ...endorsements,
    [field]: endorsements[field].replace(/\d(?=\D*$)/, (digit) => `${(Number(digit) + 1) % 10}`),
  }))
}

function isoOf(instant: UnixSeconds): string {
  return new Date(instant * 1000).toISOString().replace('.000Z', 'Z')
}

function qeReportOf(quote: SgxQuote): SgxReportBody {
  const report = parseQeReport(quote)
  if (!report.ok) throw new Error(report.problem.code)
  return report.value
}
