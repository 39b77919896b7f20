/**
 * A platform, verified: its PCK certificate, its quoting enclave and the attestation key that this one certified.
 *
 * @see Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4, table 4
 * @module
 */

import { equalBytes, hexOf } from '../bytes/index.ts'
import type { IsvSvnLevel, TcbLevel } from '../endorsements/index.ts'
import { parsePckChain, parseQeReport, type QuoteEnvelope } from '../evidence/index.ts'
import {
  type Certificate,
  type Cryptography,
  type PublicKey,
  p256KeyOf,
  type SgxExtension,
} from '../x509/index.ts'
import { type TrustedChain, verifyChain } from './chain.ts'
import type { VerifiedEndorsements } from './dcap-endorsements.ts'
import { verifyAttestationKeyBinding, verifyQeReportSignature } from './quote-signatures.ts'
import { refuseOtherEnclave } from './quoting-enclave.ts'
import { accepted, refused } from './refusal.ts'
import { refuseRevoked } from './revocation.ts'
import { isvSvnLevelOf, tcbLevelOf } from './tcb.ts'
import { chainValidities, type Validity, type Window, windowOf } from './validity.ts'

/** What was verified of a platform with certain endorsements. */
export interface VerifiedPlatform {
  readonly attestationKey: PublicKey
  readonly extension: SgxExtension
  /** Hex. */
  readonly fmspc: string
  /** Hex. */
  readonly ppid: string
  /** Hex. */
  readonly platformInstanceId: string | undefined
  /** The level that the platform has reached, TDX components left aside; `undefined`: none. */
  readonly level: TcbLevel | undefined
  /** The level that the quoting enclave has reached; `undefined`: none. */
  readonly qeLevel: IsvSvnLevel | undefined
  /** Of the PCK certificate chain. */
  readonly validities: readonly Validity[]
  /** Of chain and endorsements. */
  readonly window: Window
}

/** Verifies everything about a platform that is not a date. */
export async function verifyPlatform(
  quote: QuoteEnvelope,
  endorsements: VerifiedEndorsements,
  cryptography: Cryptography,
): Promise<VerifiedPlatform> {
  const chain = await verifyPckChain(
    pckCertificatesOf(quote, endorsements.pckCertificates, endorsements.read),
    [endorsements.rootSpkiSha256],
    endorsements,
    cryptography,
  )
  const extension =
    chain.leaf.sgx ?? refused('chain', `${chain.at}[0]`, "without Intel's extension")
  refuseRevokedPlatform(chain, endorsements)
  await verifyQeReportSignature(quote, chain.leaf, cryptography)
  const qeReport = accepted(parseQeReport(quote), 'quote-malformed', 'quote.qeReport')
  refuseOtherEnclave(qeReport, endorsements.qeIdentity)
  await verifyAttestationKeyBinding(quote, qeReport, cryptography)
  refuseOtherPlatform(extension, endorsements)

  const { platformInstanceId } = extension
  const validities = chainValidities(chain)
  return {
    attestationKey: p256KeyOf(quote.attestationKey),
    extension,
    fmspc: hexOf(extension.fmspc),
    ppid: hexOf(extension.ppid),
    platformInstanceId: platformInstanceId && hexOf(platformInstanceId),
    level: tcbLevelOf(extension, endorsements.tcbInfo),
    qeLevel: isvSvnLevelOf(qeReport.isvSvn, endorsements.qeIdentity),
    validities,
    window: windowOf([...validities, ...endorsements.validities]),
  }
}

/**
 * The chain that the quote carries, or the one beside it when the quote carries none that can be read. Whichever it is,
 * its key must have signed the quoting enclave's report.
 */
export function pckCertificatesOf(
  quote: QuoteEnvelope,
  beside: readonly Certificate[] | undefined,
  read: ReadonlyMap<string, Certificate> = new Map(),
): readonly Certificate[] {
  const carried = parsePckChain(quote, new Map(read))
  if (carried?.ok === true) return carried.value
  if (beside !== undefined) return beside
  return carried === undefined
    ? refused('missing-endorsements', pckChainAt, 'not in the quote, and not beside it')
    : accepted(carried, 'quote-malformed', 'certificationData')
}

/** The chain from a PCK certificate to a trusted root. */
export function verifyPckChain(
  certificates: readonly Certificate[],
  roots: readonly string[],
  { signed }: Pick<VerifiedEndorsements, 'signed'>,
  cryptography: Cryptography,
): Promise<TrustedChain> {
  return verifyChain(
    certificates,
    { at: pckChainAt, length: 3, leafIsCa: false, roots },
    cryptography,
    [...signed],
  )
}

const pckChainAt = 'pck_certificate_chain'

function refuseRevokedPlatform(
  { at, leaf, certificates }: TrustedChain,
  { pckCrl, rootCaCrl, pckCrlChain }: VerifiedEndorsements,
): void {
  if (pckCrl !== undefined) refuseRevoked(leaf, pckCrl, `${at}[0]`)
  if (rootCaCrl !== undefined) {
    for (const certificate of certificates.slice(1)) refuseRevoked(certificate, rootCaCrl, at)
  }
  // The list must come from the very authority that issued the PCK certificate, not from a namesake.
  const [, issuer] = certificates
  if (pckCrlChain === undefined) return
  if (issuer === undefined || !equalBytes(issuer.spki, pckCrlChain.leaf.spki)) {
    refused('crl-signature', 'pck_crl', "not of the PCK certificate's issuer")
  }
}

function refuseOtherPlatform(platform: SgxExtension, { tcbInfo }: VerifiedEndorsements): void {
  if (!equalBytes(platform.fmspc, tcbInfo.fmspc)) {
    refused('fmspc-mismatch', 'tcb_info.fmspc', 'TCB info of another platform family')
  }
  if (tcbInfo.pceId === undefined || !equalBytes(platform.pceId, tcbInfo.pceId)) {
    refused('pceid-mismatch', 'tcb_info.pceId', 'TCB info of another provisioning enclave')
  }
}
