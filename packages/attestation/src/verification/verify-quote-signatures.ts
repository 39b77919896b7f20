import { ok, type Result, type UnixSeconds } from '../bytes/index.ts'
import { parseDcapQuote, parseQeReport } from '../evidence/index.ts'
import { type Certificate, type Cryptography, p256KeyOf, webCryptography } from '../x509/index.ts'
import { pckCertificatesOf, verifyPckChain } from './dcap-platform.ts'
import {
  verifyAttestationKeyBinding,
  verifyQeReportSignature,
  verifyQuoteSignature,
} from './quote-signatures.ts'
import { accepted, settling, type VerificationProblem } from './refusal.ts'
import { chainValidities, refuseOutside } from './validity.ts'

/** What {@link verifyQuoteSignatures} looks at. */
export interface QuoteSignaturesInput {
  readonly quote: Uint8Array
  /** The PCK certificate chain, where it did not come in the quote. */
  readonly pckCertificates?: readonly Certificate[]
  /** Hex SHA-256 of the SPKI of each root that is trusted. */
  readonly roots: readonly string[]
  readonly at: UnixSeconds
}

/**
 * Verifies what can be verified of a quote without endorsements: its certificate chain and the three signatures. What
 * passes is no forgery, and nothing more: not whether the platform was revoked, nor how old it is.
 *
 * @returns `true`, which is no evidence, or one of `VerificationCode`; `missing-endorsements` when the quote names its
 *   platform without a chain and none was given.
 */
export async function verifyQuoteSignatures(
  { quote: quoteBytes, pckCertificates, roots, at }: QuoteSignaturesInput,
  cryptography: Cryptography = webCryptography,
): Promise<Result<true, VerificationProblem>> {
  const verified = await settling(async () => {
    const quote = accepted(parseDcapQuote(quoteBytes), 'quote-malformed', 'quote')
    const qeReport = accepted(parseQeReport(quote), 'quote-malformed', 'quote.qeReport')
    await verifyAttestationKeyBinding(quote, qeReport, cryptography)
    await verifyQuoteSignature(quote, p256KeyOf(quote.attestationKey), cryptography)
    const certificates = pckCertificatesOf(quote, pckCertificates)
    const chain = await verifyPckChain(certificates, roots, { signed: [] }, cryptography)
    await verifyQeReportSignature(quote, chain.leaf, cryptography)
    refuseOutside(chainValidities(chain), at)
  })
  return verified.ok ? ok(true) : verified
}
