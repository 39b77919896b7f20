/**
 * `sealward evidence verify`: a piece of evidence against endorsements, roots, runtime data and Reference Values.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { Problem, UnixSeconds } from '@sealward/attestation/bytes'
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
import type { Endorsements } from '@sealward/attestation/endorsements'
import { parseDcapQuote, parseSnpReport } from '@sealward/attestation/evidence'
import {
  type Verified,
  verifyBindings,
  verifyDcapEvidence,
  verifyQuoteSignatures,
  verifyRaTlsBinding,
  verifySnpEvidence,
} from '@sealward/attestation/verification'
import { isSignedBy, parseCertificate, parseCertificateChain } from '@sealward/attestation/x509'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import type { ReadEndorsements } from './read-endorsements.ts'
import type { ReadEvidence } from './read-evidence.ts'

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
  evidence: Extract<ReadEvidence, { kind: 'dcap' }>,
  { endorsements, roots, at }: VerifyOptions,
): ReturnType<typeof verifyDcapEvidence> {
  const texts: Endorsements | undefined = endorsements.intel ?? evidence.endorsements
  const { quote } = evidence
  const tools = { cryptography: nodeCryptography }
  if (texts !== undefined)
    return verifyDcapEvidence({ quote, endorsements: texts, roots, at }, tools)
  // Without endorsements nothing is believed, but a forgery can be told from a gap.
  const beside = parseCertificateChain(
    endorsements.certificates
      .map(
        (der) =>
          `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`,
      )
      .join(''),
  )
  const signed = await verifyQuoteSignatures(
    { quote, roots, at, ...(beside.ok ? { pckCertificates: beside.value } : {}) },
    nodeCryptography,
  )
  if (!signed.ok) return signed
  if (evidence.raTlsCertificate !== undefined) {
    const certificate = parseCertificate(evidence.raTlsCertificate)
    if (!certificate.ok || !(await isSignedBy(certificate.value, certificate.value))) {
      const detail = 'the certificate is not signed by the key in it'
      return { ok: false, problem: { code: 'chain', at: 'FILE', detail } }
    }
  }
  const detail = 'give --endorsements; the signatures verify, and nothing more can be said'
  return { ok: false, problem: { code: 'missing-endorsements', at: 'endorsements', detail } }
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
  if (runtimeData !== undefined) {
    const digest = createHash(runtimeData.digest).update(runtimeData.bytes).digest('hex')
    if (evidence.reportData !== digest.padEnd(128, '0')) {
      const detail = `report data is not ${runtimeData.digest} of the file, and zeros`
      return refusing({ code: 'runtime-data-binding', at: '--runtime-data', detail })
    }
  }
  if (read.kind !== 'dcap' || evidence.kind === 'snp') return undefined
  if (read.raTlsCertificate !== undefined) {
    const bound = await verifyRaTlsBinding(evidence, read.raTlsCertificate, nodeCryptography)
    return bound.ok ? undefined : refusing(bound.problem)
  }
  if (read.document === undefined || evidence.kind !== 'sgx') return undefined
  const bound = await verifyBindings(evidence, read.document)
  return bound.ok ? undefined : refusing(bound.problem)
}

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

export function rfc3339(instant: UnixSeconds): string {
  return new Date(1000 * instant).toISOString().replace('.000Z', 'Z')
}
