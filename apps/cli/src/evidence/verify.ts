/**
 * `sealward evidence verify`: a piece of evidence against endorsements, roots, runtime data and Reference Values.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { Problem, Result, UnixSeconds } from '@sealward/attestation/bytes'
import {
  type AnyEvidence,
  appraise,
  type ClaimSet,
  claimsOf,
  quoteClaimsOf,
  type ReferenceValues,
  reportClaimsOf,
  type Verdict,
  verdictOf,
} from '@sealward/attestation/claims'
import {
  parseDcapQuote,
  parseHclReport,
  parseSnpReport,
  parseTpmQuote,
  rawTpmSignatureOf,
} from '@sealward/attestation/evidence'
import {
  type SgxEvidence,
  type TdxEvidence,
  type Verified,
  verifyBindings,
  verifyDcapEvidence,
  verifyHclBinding,
  verifyQuoteSignatures,
  verifyRaTlsBinding,
  verifySnpEvidence,
} from '@sealward/attestation/verification'
import { isSignedBy, parseCertificate, parseCertificateChain } from '@sealward/attestation/x509'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import { rfc3339 } from './instant.ts'
import type { ReadEndorsements } from './read-endorsements.ts'
import type { ReadAzure, ReadEvidence, ReadQuote } from './read-evidence.ts'

/** What evidence is verified with. */
export interface VerifyOptions {
  readonly endorsements: ReadEndorsements
  /** Hex SHA-256 of the SPKI of each trusted root. */
  readonly roots: readonly string[]
  readonly at: UnixSeconds
  readonly runtimeData?: { readonly bytes: Uint8Array; readonly digest: RuntimeDataDigest }
  readonly referenceValues?: ReferenceValues
}

export type RuntimeDataDigest = 'sha256' | 'sha384' | 'sha512'

/** What `--json` prints. */
export interface EvidenceVerdict {
  readonly kind: 'sgx' | 'tdx' | 'snp' | null
  readonly verdict: Verdict['kind']
  /** Intel's status, verbatim; `null` of AMD's, and where no level is reached. */
  readonly tcbStatus: string | null
  readonly advisoryIds: readonly string[]
  readonly debug: boolean | null
  readonly claims: ClaimSet
  /** The first of {@link problems}. */
  readonly problem: Problem | null
  readonly problems: readonly Problem[]
  /** RFC 3339: when the first of everything that was used runs out. */
  readonly expires: string | null
}

/** Verifies evidence that can be read, and appraises what it says. */
export async function verifyEvidence(
  evidence: ReadEvidence,
  options: VerifyOptions,
): Promise<{ readonly verdict: EvidenceVerdict; readonly evidence?: Verified<AnyEvidence> }> {
  const said = saidBy(evidence)
  const verified =
    evidence.kind === 'dcap'
      ? await verifyQuote(evidence, options)
      : await verifySnpEvidence(
          {
            report: evidence.report,
            certificates: [...options.endorsements.certificates, ...evidence.certificates],
            crls: [...options.endorsements.crls, ...evidence.crls],
            revocation: { unchecked: 'said in the verdict when there is no list' },
            roots: options.roots,
            at: options.at,
          },
          { cryptography: nodeCryptography },
        )
  if (!verified.ok) return { verdict: refusedBy(said, verified.problem) }
  const problems = await bindingProblemsOf(evidence, verified.value, options)
  const judged =
    problems ?? judge(verified.value, options, await deploymentOf(evidence, verified.value))
  const verdict: EvidenceVerdict = {
    kind: verified.value.kind,
    verdict: judged.kind,
    tcbStatus: verified.value.kind === 'snp' ? null : verified.value.tcbStatus,
    advisoryIds: verified.value.kind === 'snp' ? [] : verified.value.advisoryIds,
    debug: verified.value.debug,
    claims: claimsOf(verified.value),
    problem: judged.kind === 'contraindicated' ? judged.problems[0] : null,
    problems: judged.kind === 'contraindicated' ? judged.problems : [],
    expires: rfc3339(verified.value.earliestExpiry),
  }
  return { verdict, evidence: verified.value }
}

async function verifyQuote(
  { quote, endorsements: own, raTlsCertificate }: ReadQuote,
  { endorsements, roots, at }: VerifyOptions,
): Promise<Result<Verified<SgxEvidence | TdxEvidence>, Problem>> {
  const beside = besideTheQuote(quote, endorsements.certificates)
  const texts = endorsements.intel ?? own
  if (texts !== undefined) {
    const pck = beside === undefined ? {} : { pck_certificate_chain: beside }
    return verifyDcapEvidence(
      { quote, endorsements: { ...pck, ...texts }, roots, at },
      { cryptography: nodeCryptography },
    )
  }
  // Without endorsements nothing is believed, but a forgery can be told from a gap.
  const chain = beside === undefined ? undefined : parseCertificateChain(beside)
  const signed = await verifyQuoteSignatures(
    { quote, roots, at, ...(chain?.ok ? { pckCertificates: chain.value } : {}) },
    nodeCryptography,
  )
  if (!signed.ok) return signed
  if (raTlsCertificate !== undefined) {
    const certificate = parseCertificate(raTlsCertificate)
    if (
      !certificate.ok ||
      !(await isSignedBy(certificate.value, certificate.value, nodeCryptography))
    ) {
      return refusal('ra-tls-self-signature', 'certificate', 'not signed by its own key')
    }
  }
  const detail = 'the signatures verify; without endorsements nothing more can be said'
  return refusal('missing-endorsements', 'endorsements', detail)
}

/** PEM of the PCK certificate chain, where the quote does not carry it and it came in a file of its own. */
function besideTheQuote(
  bytes: Uint8Array,
  certificates: readonly Uint8Array[],
): string | undefined {
  const quote = parseDcapQuote(bytes)
  if (!quote.ok || quote.value.certificationData.type === 5 || certificates.length === 0) {
    return undefined
  }
  return certificates
    .map((der) => {
      const base64 = Buffer.from(der).toString('base64')
      return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
    })
    .join('')
}

function judge(
  evidence: Verified<AnyEvidence>,
  { referenceValues, at }: VerifyOptions,
  deployment: string | undefined,
): Verdict {
  return referenceValues === undefined
    ? verdictOf(evidence)
    : appraise(evidence, referenceValues, { at, deployment })
}

/** What was said to be bound and is not. */
async function bindingProblemsOf(
  read: ReadEvidence,
  evidence: Verified<AnyEvidence>,
  { runtimeData }: VerifyOptions,
): Promise<Verdict | undefined> {
  if (runtimeData !== undefined && !startsWithDigest(evidence, runtimeData)) {
    const detail = `report data is not ${runtimeData.digest} of the file, and zeros`
    return refusing({ code: 'runtime-data-binding', at: '--runtime-data', detail })
  }
  if (
    read.runtimeData !== undefined &&
    !startsWithDigest(evidence, { bytes: read.runtimeData, digest: 'sha256' })
  ) {
    const detail = 'report data is not sha256 of the runtime data that came with it, and zeros'
    return refusing({ code: 'runtime-data-binding', at: 'runtimeData', detail })
  }
  const azure = read.azure === undefined ? undefined : await azureProblemOf(read.azure, evidence)
  if (azure !== undefined) return refusing(azure)
  if (read.kind !== 'dcap' || evidence.kind === 'snp') return undefined
  if (read.raTlsCertificate !== undefined) {
    const bound = await verifyRaTlsBinding(evidence, read.raTlsCertificate, nodeCryptography)
    return bound.ok ? undefined : refusing(bound.problem)
  }
  if (read.document === undefined || evidence.kind !== 'sgx') return undefined
  const bound = await verifyBindings(evidence, read.document)
  return bound.ok ? undefined : refusing(bound.problem)
}

function startsWithDigest(
  { reportData }: AnyEvidence,
  { bytes, digest }: { readonly bytes: Uint8Array; readonly digest: RuntimeDataDigest },
): boolean {
  return reportData === createHash(digest).update(bytes).digest('hex').padEnd(128, '0')
}

/** Whether the hardware binds the paravisor's data and, where its quote came along, the virtual TPM. */
async function azureProblemOf(
  { hclReport, tpmQuote }: ReadAzure,
  evidence: Verified<AnyEvidence>,
): Promise<Problem | undefined> {
  if (evidence.kind === 'sgx') {
    return { code: 'hcl-tee-mismatch', at: 'hclReport', detail: 'of the other TEE' }
  }
  if (tpmQuote !== undefined) {
    const { message, signature, pcrs } = tpmQuote
    const quote = parseTpmQuote(message)
    const bound = await verifyHclBinding(
      {
        evidence,
        hclReport,
        tpmQuote: { message, signature: rawTpmSignatureOf(signature), pcrs: { 'SHA-256': pcrs } },
        // Whoever has a file asked for nothing: the quote's own nonce, so that all but freshness is verified.
        nonce: quote.ok ? quote.value.extraData : new Uint8Array(),
      },
      nodeCryptography,
    )
    return bound.ok ? undefined : bound.problem
  }
  const report = parseHclReport(hclReport)
  if (!report.ok) return report.problem
  // Who runs below the paravisor gets reports of its own, with whatever data it likes.
  if (evidence.kind === 'snp' && evidence.vmpl !== 0) {
    return { code: 'hcl-vmpl', at: 'evidence.vmpl', detail: 'not asked for by the paravisor' }
  }
  const { hashAlgorithm, variableData } = report.value
  const digest = runtimeDataDigests[hashAlgorithm]
  return startsWithDigest(evidence, { bytes: variableData, digest })
    ? undefined
    : { code: 'hcl-report-data-binding', at: 'hclReport', detail: 'REPORT_DATA is of other data' }
}

const runtimeDataDigests = {
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
} as const

/** The deployment of an evidence document whose data the quote binds. */
export async function deploymentOf(
  read: ReadEvidence,
  evidence: Verified<AnyEvidence>,
): Promise<string | undefined> {
  if (read.kind !== 'dcap' || read.document === undefined || evidence.kind !== 'sgx')
    return undefined
  const bound = await verifyBindings(evidence, read.document)
  return bound.ok ? bound.value.runtimeData.deployment : undefined
}

function refusing(problem: Problem): Verdict {
  return { kind: 'contraindicated', problems: [problem] }
}

function refusal<const Code extends string>(
  code: Code,
  at: string,
  detail: string,
): { readonly ok: false; readonly problem: Problem<Code> } {
  return { ok: false, problem: { code, at, detail } }
}

function refusedBy(said: Said, problem: Problem): EvidenceVerdict {
  return {
    ...said,
    verdict: problem.code === 'missing-endorsements' ? 'none' : 'contraindicated',
    tcbStatus: problem.code === 'tcb-revoked' ? 'Revoked' : null,
    advisoryIds: [],
    problem,
    problems: [problem],
    expires: null,
  }
}

type Said = Pick<EvidenceVerdict, 'kind' | 'claims' | 'debug'>

/** What evidence says of itself, believed or not. */
export function saidBy(evidence: ReadEvidence): Said {
  if (evidence.kind === 'dcap') {
    const quote = parseDcapQuote(evidence.quote)
    if (!quote.ok) return { kind: null, claims: {}, debug: null }
    const claims = quoteClaimsOf(quote.value)
    return { kind: quote.value.kind, claims, debug: claims['debug'] === true }
  }
  const report = parseSnpReport(evidence.report)
  if (!report.ok) return { kind: null, claims: {}, debug: null }
  const claims = reportClaimsOf(report.value)
  return { kind: 'snp', claims, debug: claims['debug'] === true }
}
