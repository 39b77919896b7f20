/**
 * Intel's procedure for SGX quotes with ECDSA, from the root's key to the platform's TCB status.
 *
 *  1. Quote and endorsements can be read.
 *  2. Every certificate chain ends in one and the same trusted root and is valid at the instant.
 *  3. Both revocation lists are signed by their issuers and in force, and name no certificate of any chain.
 *  4. TCB info and QE identity are signed by certificates of Intel's for that, and in force.
 *  5. The PCK, the key of the platform, signed the quoting enclave's report.
 *  6. The quoting enclave is the one that the QE identity describes.
 *  7. The quoting enclave's report binds the attestation key.
 *  8. The attestation key signed the quote.
 *  9. TCB info is about this platform.
 * 10. The platform's TCB level is found, and merged with the quoting enclave's.
 *
 * Whether the enclave is the right one, and whether it may be debugged, is not asked here: see `claims`.
 *
 * @see Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4; Intel SGX PCS API, version 4
 * @module
 */

import {
  bytesOfHex,
  equalBytes,
  hexOf,
  type Result,
  sha256,
  type UnixSeconds,
  utf8Of,
} from '../bytes/index.ts'
import {
  type Endorsements,
  parseEndorsements,
  parseQeIdentity,
  parseTcbInfo,
  type QeIdentity,
  type TcbInfo,
} from '../endorsements/index.ts'
import { parseSgxQuote, type SgxQuote } from '../evidence/index.ts'
import {
  type Certificate,
  type Crl,
  type Cryptography,
  parseCertificateChain,
  parseCrl,
  type SgxExtension,
  webCryptography,
} from '../x509/index.ts'
import { type TrustedChain, verifyChain } from './chain.ts'
import {
  verifyAttestationKeyBinding,
  verifyQeReportSignature,
  verifyQuoteSignature,
} from './quote-signatures.ts'
import { refuseOtherEnclave } from './quoting-enclave.ts'
import { accepted, refused, settling, type VerificationProblem } from './refusal.ts'
import { refuseRevoked, verifyCrl } from './revocation.ts'
import type { SgxEvidence, SgxEvidenceHashes } from './sgx-evidence.ts'
import { refuseOutsideDates, verifyDocumentSignature } from './signed-documents.ts'
import { mergedTcbStatus, qeTcbLevelOf, tcbLevelOf } from './tcb.ts'
import type { Verified } from './verified.ts'

/** What {@link verifySgxEvidence} looks at, all of it required. */
export interface SgxVerificationInput {
  /** SGX quote of version 3. */
  readonly quote: Uint8Array
  readonly endorsements: Endorsements
  /** Hex SHA-256 of the SPKI of each root that is trusted. The root's certificate comes in the chains. */
  readonly roots: readonly string[]
  /** The instant at which everything has to be valid. */
  readonly at: UnixSeconds
}

/**
 * Verifies an SGX quote by Intel's procedure.
 *
 * @param cryptography - ECDSA with P-256 and SHA-256; Web Crypto's unless said.
 * @returns what quote and endorsements say, or the first problem: one of `VerificationCode`.
 */
export async function verifySgxEvidence(
  { quote: quoteBytes, endorsements: texts, roots, at: instant }: SgxVerificationInput,
  cryptography: Cryptography = webCryptography,
): Promise<Result<Verified<SgxEvidence>, VerificationProblem>> {
  // Every comparison with NaN is false, so that nothing would ever have expired.
  if (!Number.isFinite(instant)) throw new RangeError('at: whole Unix seconds expected')
  return settling(async () => {
    // 1. Quote and endorsements can be read.
    const quote = accepted(parseSgxQuote(quoteBytes), 'quote-malformed', 'quote')
    const endorsements = readEndorsements(texts)
    const pckCertificates = pckCertificatesOf(quote, texts)

    // 2. Every chain ends in one and the same trusted root and is valid at the instant.
    const pckChain = await verifyChain(
      pckCertificates,
      { at: 'pck_certificate_chain', length: 3, leafIsCa: false, roots, instant },
      cryptography,
    )
    const chains = await verifyIssuerChains(endorsements, pckChain, instant, cryptography)
    const platform =
      pckChain.leaf.sgx ?? refused('chain', 'pck_certificate_chain[0]', "without Intel's extension")

    // 3. Both revocation lists are in force and name no certificate of any chain.
    await verifyRevocation(endorsements, pckChain, chains, instant, cryptography)

    // 4. TCB info and QE identity are signed and in force.
    await verifyDocuments(texts, chains, cryptography)
    refuseOutsideDates('tcb-info', endorsements.tcbInfo, instant)
    refuseOutsideDates('qe-identity', endorsements.qeIdentity, instant)

    // 5. The PCK signed the quoting enclave's report.
    await verifyQeReportSignature(quote, pckChain.leaf, cryptography)

    // 6. The quoting enclave is Intel's.
    refuseOtherEnclave(quote.qeReport, endorsements.qeIdentity)

    // 7. Its report binds the attestation key.
    await verifyAttestationKeyBinding(quote)

    // 8. The attestation key signed the quote.
    await verifyQuoteSignature(quote, cryptography)

    // 9. TCB info is about this platform.
    refuseOtherPlatform(platform, endorsements.tcbInfo)

    // 10. The platform's TCB level, merged with the quoting enclave's.
    const tcb = verifyTcb(platform, quote, endorsements)

    return {
      quote,
      ...describe(quote),
      ...tcb,
      fmspc: hexOf(platform.fmspc),
      rootSpkiSha256: pckChain.rootSpkiSha256,
      earliestExpiry: earliestExpiryOf(endorsements, pckChain, chains),
      hashes: await hashesOf(quoteBytes, texts, endorsements),
    } satisfies SgxEvidence as Verified<SgxEvidence>
  })
}

/** Endorsements, parsed and believed by nobody yet. */
interface ParsedEndorsements {
  readonly tcbInfo: TcbInfo
  readonly qeIdentity: QeIdentity
  readonly rootCaCrl: Crl
  readonly pckCrl: Crl
  readonly tcbInfoIssuers: readonly Certificate[]
  readonly qeIdentityIssuers: readonly Certificate[]
  readonly pckCrlIssuers: readonly Certificate[]
}

function readEndorsements(texts: Endorsements): ParsedEndorsements {
  accepted(parseEndorsements(texts), 'endorsements-malformed', 'endorsements')
  const present = (name: keyof Endorsements): string => {
    const text = texts[name]
    return text === undefined || text === ''
      ? refused('missing-endorsements', name, 'not there')
      : text
  }
  const crl = (name: keyof Endorsements): Crl => {
    const der = bytesOfHex(present(name)) ?? refused('endorsements-malformed', name, 'not hex')
    return accepted(parseCrl(der), 'endorsements-malformed', name)
  }
  const issuers = (name: keyof Endorsements): readonly Certificate[] =>
    accepted(parseCertificateChain(present(name)), 'endorsements-malformed', name)
  return {
    tcbInfo: accepted(parseTcbInfo(present('tcb_info')), 'endorsements-malformed', 'tcb_info'),
    qeIdentity: accepted(
      parseQeIdentity(present('qe_identity')),
      'endorsements-malformed',
      'qe_identity',
    ),
    rootCaCrl: crl('root_ca_crl'),
    pckCrl: crl('pck_crl'),
    tcbInfoIssuers: issuers('tcb_info_issuer_chain'),
    qeIdentityIssuers: issuers('qe_identity_issuer_chain'),
    pckCrlIssuers: issuers('pck_crl_issuer_chain'),
  }
}

/** The chain that the quote carries, or the one beside it when the quote names its platform otherwise. */
function pckCertificatesOf(quote: SgxQuote, texts: Endorsements): readonly Certificate[] {
  if (quote.certificationData.type === 5) return quote.certificationData.chain
  const pem = texts.pck_certificate_chain
  if (pem === undefined || pem === '') {
    return refused('missing-endorsements', 'pck_certificate_chain', 'not in the quote, not beside')
  }
  return accepted(parseCertificateChain(pem), 'endorsements-malformed', 'pck_certificate_chain')
}

/** Verified chains of those who signed endorsements. */
interface IssuerChains {
  readonly tcbInfo: TrustedChain
  readonly qeIdentity: TrustedChain
  readonly pckCrl: TrustedChain
}

/**
 * Only the root that the PCK's chain ends in is trusted here: with several trusted roots, none may vouch for another's
 * platforms.
 */
async function verifyIssuerChains(
  endorsements: ParsedEndorsements,
  { rootSpkiSha256 }: TrustedChain,
  instant: UnixSeconds,
  cryptography: Cryptography,
): Promise<IssuerChains> {
  const common = { length: 2, roots: [rootSpkiSha256], instant } as const
  const signer = async (
    name: 'tcb_info_issuer_chain' | 'qe_identity_issuer_chain',
    certificates: readonly Certificate[],
  ): Promise<TrustedChain> =>
    verifyChain(certificates, { ...common, at: name, leafIsCa: false }, cryptography)
  return {
    tcbInfo: await signer('tcb_info_issuer_chain', endorsements.tcbInfoIssuers),
    qeIdentity: await signer('qe_identity_issuer_chain', endorsements.qeIdentityIssuers),
    pckCrl: await verifyChain(
      endorsements.pckCrlIssuers,
      { ...common, at: 'pck_crl_issuer_chain', leafIsCa: true },
      cryptography,
    ),
  }
}

async function verifyRevocation(
  { rootCaCrl, pckCrl }: ParsedEndorsements,
  pckChain: TrustedChain,
  chains: IssuerChains,
  instant: UnixSeconds,
  cryptography: Cryptography,
): Promise<void> {
  await verifyCrl(rootCaCrl, pckChain.root, instant, 'root_ca_crl', cryptography)
  await verifyCrl(pckCrl, chains.pckCrl.leaf, instant, 'pck_crl', cryptography)
  refuseRevoked(pckChain.leaf, pckCrl, 'pck_certificate_chain[0]')
  const issuedByRoot = {
    pck_certificate_chain: pckChain.certificates.slice(1),
    tcb_info_issuer_chain: chains.tcbInfo.certificates,
    qe_identity_issuer_chain: chains.qeIdentity.certificates,
    pck_crl_issuer_chain: chains.pckCrl.certificates,
  }
  for (const [name, certificates] of Object.entries(issuedByRoot)) {
    for (const certificate of certificates) refuseRevoked(certificate, rootCaCrl, name)
  }
  // The list must come from the very authority that issued the PCK certificate, not from a namesake.
  const [, issuer] = pckChain.certificates
  if (issuer === undefined || !equalBytes(issuer.spki, chains.pckCrl.leaf.spki)) {
    refused('crl-signature', 'pck_crl', "not of the PCK certificate's issuer")
  }
}

async function verifyDocuments(
  texts: Endorsements,
  chains: IssuerChains,
  cryptography: Cryptography,
): Promise<void> {
  await verifyDocumentSignature(
    'tcb-info',
    { text: texts.tcb_info, signature: texts.tcb_info_signature },
    chains.tcbInfo.leaf,
    cryptography,
  )
  await verifyDocumentSignature(
    'qe-identity',
    { text: texts.qe_identity, signature: texts.qe_identity_signature },
    chains.qeIdentity.leaf,
    cryptography,
  )
}

function refuseOtherPlatform(platform: SgxExtension, tcbInfo: TcbInfo): void {
  if (!equalBytes(platform.fmspc, tcbInfo.fmspc)) {
    refused('fmspc-mismatch', 'tcb_info.fmspc', 'TCB info of another platform family')
  }
  if (tcbInfo.pceId === undefined || !equalBytes(platform.pceId, tcbInfo.pceId)) {
    refused('pceid-mismatch', 'tcb_info.pceId', 'TCB info of another provisioning enclave')
  }
}

type Tcb = Pick<SgxEvidence, 'tcbStatus' | 'tcbDate' | 'advisoryIds' | 'tcbEvaluationDataNumber'>

function verifyTcb(
  platform: SgxExtension,
  { qeReport }: SgxQuote,
  { tcbInfo, qeIdentity }: ParsedEndorsements,
): Tcb {
  const level =
    tcbLevelOf(platform, tcbInfo) ??
    refused('tcb-level-not-found', 'tcb_info.tcbLevels', 'the platform meets no level')
  // A quoting enclave older than any that Intel lists counts as revoked.
  const qeLevel = qeTcbLevelOf(qeReport.isvSvn, qeIdentity)
  const tcbStatus = mergedTcbStatus(level.tcbStatus, qeLevel?.tcbStatus ?? 'Revoked')
  if (tcbStatus === 'Revoked') {
    refused('tcb-revoked', 'tcb_info.tcbLevels', 'Intel trusts this level no longer')
  }
  return {
    tcbStatus,
    tcbDate: level.tcbDate,
    advisoryIds: [...new Set([...level.advisoryIds, ...(qeLevel?.advisoryIds ?? [])])],
    tcbEvaluationDataNumber: Math.min(
      tcbInfo.tcbEvaluationDataNumber,
      qeIdentity.tcbEvaluationDataNumber,
    ),
  }
}

type Description = Pick<
  SgxEvidence,
  'mrEnclave' | 'mrSigner' | 'isvProdId' | 'isvSvn' | 'configId' | 'reportData' | 'debug'
>

function describe({ reportBody }: SgxQuote): Description {
  return {
    mrEnclave: hexOf(reportBody.mrEnclave),
    mrSigner: hexOf(reportBody.mrSigner),
    isvProdId: reportBody.isvProdId,
    isvSvn: reportBody.isvSvn,
    configId: hexOf(reportBody.configId),
    reportData: hexOf(reportBody.reportData),
    debug: reportBody.debug,
  }
}

function earliestExpiryOf(
  { tcbInfo, qeIdentity, rootCaCrl, pckCrl }: ParsedEndorsements,
  pckChain: TrustedChain,
  chains: IssuerChains,
): UnixSeconds {
  const certificates = [pckChain, ...Object.values(chains)].flatMap(
    (chain: TrustedChain) => chain.certificates,
  )
  return Math.min(
    ...certificates.map(({ notAfter }) => notAfter),
    ...[tcbInfo, qeIdentity, rootCaCrl, pckCrl].map(({ nextUpdate }) => nextUpdate),
  )
}

async function hashesOf(
  quote: Uint8Array,
  texts: Endorsements,
  { pckCrl, rootCaCrl }: ParsedEndorsements,
): Promise<SgxEvidenceHashes> {
  const hash = async (bytes: Uint8Array): Promise<string> => hexOf(await sha256(bytes))
  return {
    quote: await hash(quote),
    tcbInfo: await hash(utf8Of(texts.tcb_info)),
    qeIdentity: await hash(utf8Of(texts.qe_identity)),
    pckCrl: await hash(pckCrl.der),
    rootCaCrl: await hash(rootCaCrl.der),
    tcbInfoIssuerChain: await hash(utf8Of(texts.tcb_info_issuer_chain)),
    qeIdentityIssuerChain: await hash(utf8Of(texts.qe_identity_issuer_chain)),
  }
}
