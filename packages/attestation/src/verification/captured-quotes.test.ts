import { describe, expect, test } from 'vitest'
import { hexOf, sha256, type UnixSeconds } from '../bytes/index.ts'
import { type Endorsements, parseQeIdentity, parseTcbInfo } from '../endorsements/index.ts'
import { parseSgxQuote, type SgxQuote } from '../evidence/index.ts'
import {
  type Certificate,
  isSignedBy,
  parseCertificate,
  parseCertificateChain,
  webCryptography,
} from '../x509/index.ts'
import { type TrustedChain, verifyChain } from './chain.ts'
import { intelSgxRootSpki, verifySgxEvidence } from './index.ts'
import {
  verifyAttestationKeyBinding,
  verifyQeReportSignature,
  verifyQuoteSignature,
} from './quote-signatures.ts'
import { refuseOtherEnclave } from './quoting-enclave.ts'
import { settling } from './refusal.ts'
import {
  absentVectors,
  hasSharedVectors,
  readSgxVectors,
  type SgxVector,
} from './shared-vectors.fixtures.ts'
import { refuseOutsideDates, verifyDocumentSignature } from './signed-documents.ts'
import { qeTcbLevelOf, tcbLevelOf } from './tcb.ts'

const vectors = readSgxVectors()
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
      qe_isvsvn: quote.qeReport.isvSvn,
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
      quote: await holds(() => verifyQuoteSignature(quote, webCryptography)),
      qe_report_binds_attestation_key: await holds(() => verifyAttestationKeyBinding(quote)),
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

/** A capture without revocation lists: refused as a whole, so that its cases are put to the other steps. */
describe.each(vectors.filter(({ expected }) => expected.cases))('$name', (vector) => {
  test('is refused as a whole, for it comes without revocation lists', async () => {
    const verified = await verifyVector(vector)
    expect(verified).toMatchObject({ ok: false, problem: { code: 'missing-endorsements' } })
  })

  test.each(vector.expected.cases ?? [])(
    'at $time, without revocation: $expect $reason$change',
    async ({ time, expect: outcome, policy, change }) => {
      const { endorsements } = vector
      if (endorsements === undefined) throw new Error('no endorsements')
      for (const changed of change === undefined ? [endorsements] : changesOf(endorsements)) {
        const settled = await verifyWithoutRevocation(vector, changed, time)
        const isOldEnough =
          !settled.ok ||
          settled.value.tcbEvaluationDataNumber >= (policy?.minTcbEvaluationDataNumber ?? 0)
        expect(settled.ok && isOldEnough ? 'accept' : 'reject').toBe(outcome)
      }
    },
  )

  test('what its cases refuse is refused for the stated reason', async () => {
    const { endorsements, expected } = vector
    if (endorsements === undefined) throw new Error('no endorsements')
    const codes = await Promise.all(
      (expected.cases ?? []).map(async ({ time }) => {
        const settled = await verifyWithoutRevocation(vector, endorsements, time)
        return settled.ok ? 'accept' : settled.problem.code
      }),
    )
    expect(codes).toEqual([
      'accept',
      'certificate-expired',
      'certificate-not-yet-valid',
      'qe-identity-not-yet-valid',
      'qe-identity-expired',
      'accept',
      'accept',
    ])
  })
})

describe.runIf(hasSharedVectors)('what is no quote or no certificate', () => {
  test('a broken Open Enclave report holds a quote of no platform', async () => {
    const report = named('openenclave-bad-report').file('report.bin') ?? new Uint8Array()
    const quote = parseSgxQuote(report.subarray(16))
    const chain = quote.ok ? chainOf(quote.value) : []
    const roots = [intelSgxRootSpki.sha256]
    const instant = chain[0]?.notBefore ?? 0
    const expected = { at: 'pck', length: 3, leafIsCa: false, roots, instant } as const
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

function named(name: string): SgxVector {
  const vector = vectors.find((one) => one.name === name)
  if (vector === undefined) throw new Error(`no vector ${name}`)
  return vector
}

function quoteOf({ quote }: SgxVector): SgxQuote {
  const parsed = parseSgxQuote(quote ?? new Uint8Array())
  if (!parsed.ok) throw new Error(`${parsed.problem.code} ${parsed.problem.at}`)
  return parsed.value
}

function chainOf({ certificationData }: SgxQuote): readonly Certificate[] {
  return certificationData.type === 5 ? certificationData.chain : []
}

async function isOrdered(chain: readonly Certificate[]): Promise<boolean> {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1] ?? certificate
    if (!(await isSignedBy(certificate, issuer))) return false
  }
  return true
}

async function verifyVector(
  vector: SgxVector,
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
async function rootOf(vector: SgxVector): Promise<string> {
  const pem = vector.file('trusted_root_ca.pem')
  if (pem === undefined) return intelSgxRootSpki.sha256
  const parsed = parseCertificateChain(new TextDecoder().decode(pem))
  const [root] = parsed.ok ? parsed.value : []
  return hexOf(await sha256(root?.spki ?? new Uint8Array()))
}

async function verifyWithoutRevocation(
  vector: SgxVector,
  endorsements: Endorsements,
  instant: UnixSeconds,
): ReturnType<typeof settling<{ readonly tcbEvaluationDataNumber: number }>> {
  const quote = quoteOf(vector)
  const tcbInfo = parseTcbInfo(endorsements.tcb_info)
  const qeIdentity = parseQeIdentity(endorsements.qe_identity)
  if (!tcbInfo.ok || !qeIdentity.ok) {
    return { ok: false, problem: { code: 'endorsements-malformed', at: '', detail: '' } }
  }
  const common = { leafIsCa: false, roots: [intelSgxRootSpki.sha256], instant } as const
  const signer = async (pem: string, at: string): Promise<TrustedChain> => {
    const chain = parseCertificateChain(pem)
    if (!chain.ok) throw new Error('no issuer chain')
    return verifyChain(chain.value, { ...common, at, length: 2 }, webCryptography)
  }
  return settling(async () => {
    const { leaf: pck } = await verifyChain(
      chainOf(quote),
      { ...common, at: 'pck', length: 3 },
      webCryptography,
    )
    const qeSigner = await signer(endorsements.qe_identity_issuer_chain, 'qe_identity')
    const qeDocument = {
      text: endorsements.qe_identity,
      signature: endorsements.qe_identity_signature,
    }
    await verifyDocumentSignature('qe-identity', qeDocument, qeSigner.leaf, webCryptography)
    refuseOutsideDates('qe-identity', qeIdentity.value, instant)
    const tcbSigner = await signer(endorsements.tcb_info_issuer_chain, 'tcb_info')
    const tcbDocument = { text: endorsements.tcb_info, signature: endorsements.tcb_info_signature }
    await verifyDocumentSignature('tcb-info', tcbDocument, tcbSigner.leaf, webCryptography)
    refuseOutsideDates('tcb-info', tcbInfo.value, instant)
    await verifyQeReportSignature(quote, pck, webCryptography)
    refuseOtherEnclave(quote.qeReport, qeIdentity.value)
    await verifyAttestationKeyBinding(quote)
    await verifyQuoteSignature(quote, webCryptography)
    const level = pck.sgx && tcbLevelOf(pck.sgx, tcbInfo.value)
    const qeLevel = qeTcbLevelOf(quote.qeReport.isvSvn, qeIdentity.value)
    expect(level?.tcbStatus).toBe(vector.expected.matched_levels?.platform.tcbStatus)
    expect(qeLevel?.tcbStatus).toBe(vector.expected.matched_levels?.qe.tcbStatus)
    return { tcbEvaluationDataNumber: tcbInfo.value.tcbEvaluationDataNumber }
  })
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
