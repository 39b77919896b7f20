import { describe, expect, test } from 'vitest'
import {
  type AzureVtpmEvidence,
  parseAzureVtpmEvidence,
  parseHclReport,
  parseMaaSnpReport,
  parseThimCertificates,
  parseTpmQuote,
  rawTpmSignatureOf,
} from '../evidence/index.ts'
import {
  amdRootSpkis,
  type HclHardwareEvidence,
  intelSgxRootSpki,
  microsoftUvmFeed,
  microsoftUvmIssuer,
  type SnpEvidence,
  verifyEndorsedMeasurement,
  verifyHclBinding,
  verifySecurityPolicyBinding,
  verifySnpEvidence,
  verifyTdxEvidence,
  verifyUvmEndorsement,
} from './index.ts'
import {
  absentVectors,
  type CapturedVector,
  hasSharedVectors,
  readCapturedVectors,
} from './shared-vectors.fixtures.ts'
import type { Verified } from './verified.ts'

// The whole way from a collector's file to what it proves.
test.skipIf(hasSharedVectors)(`captured evidence in its wrappings: ${absentVectors}`, () => {
  expect(hasSharedVectors).toBe(false)
})

describe.runIf(hasSharedVectors)('from the wrapping to the claim', () => {
  test.each([
    ['snp', 'trustee-azure-v3-evidence-v1', 'evidence-v1.json'],
    ['snp', 'trustee-azure-milan-v3-evidence-v2', 'evidence.json'],
    ['tdx', 'trustee-azure-vtpm', 'evidence-v1.json'],
    ['tdx', 'attested-tls-azure-2026-06', 'azure_evidence.json'],
  ] as const)(
    '%s/%s: the machine is verified, and its TPM bound to it',
    async (tee, name, file) => {
      const vector = vectorOf(tee, name)
      const parsed = parseAzureVtpmEvidence(bytesOf(vector, file))
      if (!parsed.ok) throw new Error(parsed.problem.code)
      const parts = parsed.value
      const quote = parseTpmQuote(parts.tpmQuote.message)
      const { message, signature, pcrs } = parts.tpmQuote
      const verified = await verifyHclBinding({
        evidence: await hardwareOf(vector, parts),
        hclReport: parts.hclReport,
        tpmQuote: { message, signature: rawTpmSignatureOf(signature), pcrs: { 'SHA-256': pcrs } },
        nonce: quote.ok ? quote.value.extraData : new Uint8Array(),
      })
      expect(verified).toMatchObject({ ok: true, value: { configuration: { tpmEnabled: true } } })
      expect(verified.ok && verified.value.pcrs.get('SHA-256')?.size).toBe(24)
    },
  )

  test('azure-aci-milan-v2-uvm: machine, utility VM and policy', async () => {
    const vector = vectorOf('snp', 'azure-aci-milan-v2-uvm')
    const thim = parseThimCertificates(bytesOf(vector, 'host_amd_certificate.json'))
    if (!thim.ok) throw new Error(thim.problem.code)
    const evidence = await snpEvidenceOf(
      vector,
      bytesOf(vector, 'report.bin'),
      thim.value.certificates.map(({ der }) => der),
    )
    const endorsement = await verifyUvmEndorsement({
      endorsement: bytesOf(vector, 'uvm_reference_info.cose'),
      issuers: [microsoftUvmIssuer],
      feeds: [microsoftUvmFeed],
      guestSvnMin: 22,
      instant: 'signing-time',
    })
    if (!endorsement.ok) throw new Error(endorsement.problem.code)
    expect(verifyEndorsedMeasurement(evidence, endorsement.value)).toMatchObject({ ok: true })
    const policy = bytesOf(vector, 'security_policy.bin')
    expect(await verifySecurityPolicyBinding(evidence, policy)).toMatchObject({ ok: true })
  })

  test('azure-maa-sevsnp-request: what Azure Attestation is sent is verified here', async () => {
    const vector = vectorOf('snp', 'azure-maa-sevsnp-request')
    const parsed = parseMaaSnpReport(bytesOf(vector, 'maa_report.json'))
    if (!parsed.ok) throw new Error(parsed.problem.code)
    const { report, certificates } = parsed.value
    const chain = certificates.map(({ der }) => der)
    expect(await snpEvidenceOf(vector, report, chain)).toMatchObject({ kind: 'snp' })
    // An endorsement of another machine does not become one of this.
    const other = await verifyUvmEndorsement({
      endorsement: bytesOf(vectorOf('snp', 'azure-aci-milan-v2-uvm'), 'uvm_reference_info.cose'),
      issuers: [microsoftUvmIssuer],
      feeds: [microsoftUvmFeed],
      guestSvnMin: 0,
      instant: 'signing-time',
    })
    if (!other.ok) throw new Error(other.problem.code)
    const evidence = await snpEvidenceOf(vector, report, chain)
    expect(verifyEndorsedMeasurement(evidence, other.value)).toMatchObject({
      ok: false,
      problem: { code: 'uvm-measurement-mismatch' },
    })
  })
})

function vectorOf(tee: 'snp' | 'tdx', name: string): CapturedVector {
  const vector = readCapturedVectors(tee).find((one) => one.name === name)
  if (vector === undefined) throw new Error(`no vector ${name}`)
  return vector
}

function bytesOf(vector: CapturedVector, file: string): Uint8Array {
  const bytes = vector.file(file)
  if (bytes === undefined) throw new Error(`${vector.name} has no ${file}`)
  return bytes
}

async function hardwareOf(
  vector: CapturedVector,
  { hclReport, hardware }: AzureVtpmEvidence,
): Promise<Verified<HclHardwareEvidence>> {
  const hcl = parseHclReport(hclReport)
  if (!hcl.ok) throw new Error(hcl.problem.code)
  const { hardwareReport } = hcl.value
  if (hardware.kind === 'snp' && hardwareReport.kind === 'snp') {
    const issuers = ['ask.der', 'ark.der'].map((file) => bytesOf(vector, file))
    return snpEvidenceOf(vector, hardwareReport.report, [hardware.vcek, ...issuers])
  }
  if (hardware.kind !== 'tdx' || vector.endorsements === undefined) throw new Error('incomplete')
  const verified = await verifyTdxEvidence({
    quote: hardware.quote,
    endorsements: vector.endorsements,
    roots: [intelSgxRootSpki.sha256],
    at: vector.expected.verification_time ?? Number.NaN,
  })
  if (!verified.ok) throw new Error(verified.problem.code)
  return verified.value
}

async function snpEvidenceOf(
  vector: CapturedVector,
  report: Uint8Array,
  certificates: readonly Uint8Array[],
): Promise<Verified<SnpEvidence>> {
  const verified = await verifySnpEvidence({
    report,
    certificates,
    crls: [],
    revocation: { unchecked: 'the vectors come without revocation lists' },
    roots: Object.values(amdRootSpkis),
    at: vector.expected.verification_time ?? Number.NaN,
  })
  if (!verified.ok) throw new Error(verified.problem.code)
  return verified.value
}
