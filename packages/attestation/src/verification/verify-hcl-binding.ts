/**
 * The step from "this machine runs Azure's paravisor" to "its virtual TPM said that".
 *
 * @module
 */

import {
  bytesOfHex,
  concat,
  equalBytes,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
} from '../bytes/index.ts'
import {
  type HclConfiguration,
  type HclReport,
  parseHclReport,
  parseTpmQuote,
  type TpmQuote,
} from '../evidence/index.ts'
import {
  type Cryptography,
  type DigestAlgorithm,
  type Signature,
  webCryptography,
} from '../x509/index.ts'
import type { Verified } from './verified.ts'

/** What has to be known of the hardware evidence: `SnpEvidence` and `TdxEvidence` have it. */
export type HclHardwareEvidence =
  | { readonly kind: 'snp'; readonly reportData: string; readonly vmpl: number }
  | { readonly kind: 'tdx'; readonly reportData: string }

export interface HclBindingInput {
  /** What the hardware report inside {@link hclReport} (SNP), or the quote beside it (TDX), was verified to say. */
  readonly evidence: Verified<HclHardwareEvidence>
  readonly hclReport: Uint8Array
  readonly tpmQuote: {
    /** TPMS_ATTEST. */
    readonly message: Uint8Array
    readonly signature: Signature
    /** Values by bank, at the index of their number; those that were not quoted are not believed. */
    readonly pcrs: TpmPcrValues
  }
  /** What the quote has to carry as extraData. */
  readonly nonce: Uint8Array
}

/** Register values of each bank, at the index of their number. */
export type TpmPcrValues = Partial<
  Readonly<Record<DigestAlgorithm, readonly (Uint8Array | undefined)[]>>
>

/** What the virtual TPM and the paravisor say. */
export interface HclBinding {
  /** DER of SubjectPublicKeyInfo of the key that the TPM signs with. */
  readonly attestationKeySpki: Uint8Array
  readonly configuration: HclConfiguration
  /** Hex, 128 digits. */
  readonly userData: string | undefined
  /** The quoted registers only, hex, by bank and number. */
  readonly pcrs: ReadonlyMap<DigestAlgorithm, ReadonlyMap<number, string>>
  readonly quote: TpmQuote
}

/** Why a virtual TPM was not believed to belong to verified hardware evidence. */
export type HclBindingCode =
  | 'hcl-report-malformed'
  | 'hcl-tee-mismatch'
  | 'hcl-vmpl'
  | 'hcl-report-data-binding'
  | 'tpm-quote-malformed'
  | 'tpm-quote-signature'
  | 'tpm-nonce-mismatch'
  | 'tpm-pcr-digest-mismatch'

/**
 * Verifies that hardware evidence binds the paravisor's data, that the key named there signed the TPM's quote, that the
 * quote is of this nonce, and that the register values are the quoted ones.
 *
 * @returns what was bound, or the first of {@link HclBindingCode}.
 */
export async function verifyHclBinding(
  { evidence, hclReport, tpmQuote, nonce }: HclBindingInput,
  cryptography: Cryptography = webCryptography,
): Promise<Result<Verified<HclBinding>, Problem<HclBindingCode>>> {
  const report = parseHclReport(hclReport)
  if (!report.ok) return within('hcl-report-malformed', 'hclReport', report.problem)
  const { hardwareReport, attestationKey, configuration, userData } = report.value
  if (hardwareReport.kind !== evidence.kind) {
    return refuse('hcl-tee-mismatch', 'hclReport', 'of the other TEE')
  }
  // Who runs below the paravisor gets reports of its own, with whatever data it likes.
  if (evidence.kind === 'snp' && evidence.vmpl !== 0) {
    return refuse('hcl-vmpl', 'evidence.vmpl', 'not asked for by the paravisor')
  }
  if (!(await bindsVariableData(evidence.reportData, report.value, cryptography))) {
    return refuse('hcl-report-data-binding', 'hclReport', 'REPORT_DATA is of other data')
  }

  const quote = parseTpmQuote(tpmQuote.message)
  if (!quote.ok) return within('tpm-quote-malformed', 'tpmQuote.message', quote.problem)
  const { signature, message, pcrs } = tpmQuote
  if (!(await cryptography.verify({ publicKey: attestationKey, signature, message }))) {
    return refuse('tpm-quote-signature', 'tpmQuote.signature', "not by the paravisor's key")
  }
  if (!equalBytes(quote.value.extraData, nonce)) {
    return refuse('tpm-nonce-mismatch', 'tpmQuote.message', 'quoted for another nonce')
  }
  const quoted = await quotedPcrs(quote.value, pcrs, digestOf(signature), cryptography)
  if (quoted === undefined) {
    return refuse('tpm-pcr-digest-mismatch', 'tpmQuote.pcrs', 'not the quoted values')
  }
  return ok({
    attestationKeySpki: attestationKey.spki,
    configuration,
    userData: userData && hexOf(userData),
    pcrs: quoted,
    quote: quote.value,
  } as Verified<HclBinding>)
}

function within(
  code: HclBindingCode,
  at: string,
  problem: Problem,
): Result<never, Problem<HclBindingCode>> {
  return refuse(code, at, `${problem.code} ${problem.at}: ${problem.detail}`)
}

/** REPORT_DATA is the digest, and zeros up to 64 bytes. */
async function bindsVariableData(
  reportData: string,
  { hashAlgorithm, variableData }: HclReport,
  cryptography: Cryptography,
): Promise<boolean> {
  const digest = await cryptography.digest(hashAlgorithm, variableData)
  const actual = bytesOfHex(reportData)
  const expected = concat(digest, new Uint8Array(64 - digest.length))
  return actual !== undefined && equalBytes(actual, expected)
}

/** TPM 2.0, part 3, TPM2_Quote: the digest is made with the hash of the signing scheme. */
function digestOf({ algorithm }: Signature): DigestAlgorithm {
  if (algorithm.endsWith('sha512')) return 'SHA-512'
  return algorithm.endsWith('sha384') ? 'SHA-384' : 'SHA-256'
}

const bankBytes: Readonly<Record<DigestAlgorithm, number>> = {
  'SHA-256': 32,
  'SHA-384': 48,
  'SHA-512': 64,
}

/** The values whose digest was quoted; `undefined` when they are others, or one is missing. */
async function quotedPcrs(
  { selections, pcrDigest }: TpmQuote,
  values: TpmPcrValues,
  algorithm: DigestAlgorithm,
  cryptography: Cryptography,
): Promise<HclBinding['pcrs'] | undefined> {
  const selected: Uint8Array[] = []
  const believed = new Map<DigestAlgorithm, Map<number, string>>()
  for (const { bank, pcrs } of selections) {
    const ofBank = believed.get(bank) ?? new Map<number, string>()
    believed.set(bank, ofBank)
    for (const pcr of pcrs) {
      const value = values[bank]?.[pcr]
      // A value of another length could hide the border to the next.
      if (value?.length !== bankBytes[bank]) return undefined
      selected.push(value)
      ofBank.set(pcr, hexOf(value))
    }
  }
  const digest = await cryptography.digest(algorithm, concat(...selected))
  return equalBytes(digest, pcrDigest) ? believed : undefined
}
