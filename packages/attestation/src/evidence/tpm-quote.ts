/**
 * Quotes of a TPM 2.0: what was attested, and the signature over it.
 *
 * @see TPM 2.0 Library, part 2: TPMS_ATTEST (10.12.12), TPMS_QUOTE_INFO (10.12.5), TPMT_SIGNATURE (11.3.4)
 * @module
 */

import {
  type Cursor,
  type ParseCode,
  type Problem,
  parsing,
  type Result,
  refuse,
} from '../bytes/index.ts'
import type { DigestAlgorithm, Signature } from '../x509/index.ts'
import { tpmBanksMax, tpmPcrsMax, tpmStructureBytesMax } from './limits.ts'

/** A quote. Believed by nobody yet. */
export interface TpmQuote {
  /** Name of the key that signed, as the TPM calls it. */
  readonly qualifiedSigner: Uint8Array
  /** What who asked wanted to see in it. */
  readonly extraData: Uint8Array
  /** Milliseconds that the TPM has been powered. */
  readonly clock: bigint
  readonly resetCount: number
  readonly restartCount: number
  /** `false`: the clock may have been lower than before. */
  readonly isClockSafe: boolean
  readonly firmwareVersion: bigint
  readonly selections: readonly TpmPcrSelection[]
  /** Digest over the selected registers, bank by bank, each bank in the order of their numbers. */
  readonly pcrDigest: Uint8Array
}

/** Registers of one bank, in the order of their numbers. */
export interface TpmPcrSelection {
  readonly bank: DigestAlgorithm
  readonly pcrs: readonly number[]
}

/** Why a quote or its signature was refused. */
export type TpmQuoteCode =
  | ParseCode
  | 'tpm-structure-too-large'
  | 'tpm-not-generated'
  | 'tpm-not-a-quote'
  | 'tpm-unsupported-algorithm'
  | 'tpm-value-malformed'

/**
 * Parses a TPMS_ATTEST.
 *
 * @param input - the bytes that were signed, without a length before them.
 * @returns the fields, or one of {@link TpmQuoteCode}.
 */
export function parseTpmQuote(input: Uint8Array): Result<TpmQuote, Problem<TpmQuoteCode>> {
  if (input.length > tpmStructureBytesMax) return tooLarge()
  return parsing<TpmQuote, TpmQuoteCode>(input, (cursor) => {
    // TPM_GENERATED_VALUE: a restricted key signs nothing that begins so and was not made by the TPM.
    if (unsigned(cursor, 4) !== 0xff54_4347n) {
      cursor.fail('tpm-not-generated', 'TPM_GENERATED_VALUE expected')
    }
    if (unsigned(cursor, 2) !== 0x8018n)
      cursor.fail('tpm-not-a-quote', 'TPM_ST_ATTEST_QUOTE expected')
    const qualifiedSigner = sized(cursor)
    const extraData = sized(cursor)
    const clock = unsigned(cursor, 8)
    const resetCount = Number(unsigned(cursor, 4))
    const restartCount = Number(unsigned(cursor, 4))
    const safe = cursor.u8()
    if (safe > 1) cursor.fail('tpm-value-malformed', 'YES or NO expected')
    const firmwareVersion = unsigned(cursor, 8)
    const selections = readSelections(cursor)
    const pcrDigest = sized(cursor)
    return {
      qualifiedSigner,
      extraData,
      clock,
      resetCount,
      restartCount,
      isClockSafe: safe === 1,
      firmwareVersion,
      selections,
      pcrDigest,
    }
  })
}

/**
 * Parses a TPMT_SIGNATURE of RSA.
 *
 * @returns the signature, or one of {@link TpmQuoteCode}.
 */
export function parseTpmSignature(input: Uint8Array): Result<Signature, Problem<TpmQuoteCode>> {
  if (input.length > tpmStructureBytesMax) return tooLarge()
  return parsing<Signature, TpmQuoteCode>(input, (cursor) => {
    const scheme = signatureSchemes.get(unsigned(cursor, 2))
    const hash = hashes.get(unsigned(cursor, 2))
    if (scheme === undefined || hash === undefined) {
      return cursor.fail('tpm-unsupported-algorithm', 'known: RSASSA and RSAPSS with SHA-2')
    }
    return { algorithm: `${scheme}-${signatureHashes[hash]}`, bytes: sized(cursor) }
  })
}

/** A bare signature of RSASSA with SHA-256, as tools hand it out. */
export function rawTpmSignatureOf(bytes: Uint8Array): Signature {
  return { algorithm: 'rsa-pkcs1-sha256', bytes: new Uint8Array(bytes) }
}

type TpmCursor = Cursor<TpmQuoteCode>

function tooLarge(): Result<never, Problem<TpmQuoteCode>> {
  return refuse('tpm-structure-too-large', '@0x0', `more than ${tpmStructureBytesMax} bytes`)
}

function readSelections(cursor: TpmCursor): readonly TpmPcrSelection[] {
  const count = Number(unsigned(cursor, 4))
  if (count === 0 || count > tpmBanksMax) {
    cursor.fail('tpm-value-malformed', `from 1 to ${tpmBanksMax} banks expected`)
  }
  return Array.from({ length: count }, () => {
    const bank =
      hashes.get(unsigned(cursor, 2)) ??
      cursor.fail('tpm-unsupported-algorithm', 'known: banks of SHA-2')
    const mask = cursor.bytes(cursor.u8())
    if (8 * mask.length > tpmPcrsMax) cursor.fail('tpm-value-malformed', 'too many registers')
    const pcrs = Array.from({ length: 8 * mask.length }, (_, pcr) => pcr).filter(
      (pcr) => ((mask[pcr >> 3] ?? 0) & (1 << (pcr & 7))) !== 0,
    )
    return { bank, pcrs }
  })
}

/** Fields of a TPM are big-endian. */
function unsigned(cursor: TpmCursor, bytes: number): bigint {
  return cursor.bytes(bytes).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** TPM2B. */
function sized(cursor: TpmCursor): Uint8Array {
  return cursor.bytes(Number(unsigned(cursor, 2)))
}

const hashes: ReadonlyMap<bigint, DigestAlgorithm> = new Map([
  [0x000bn, 'SHA-256'],
  [0x000cn, 'SHA-384'],
  [0x000dn, 'SHA-512'],
])

const signatureSchemes: ReadonlyMap<bigint, 'rsa-pkcs1' | 'rsa-pss'> = new Map([
  [0x0014n, 'rsa-pkcs1'],
  [0x0016n, 'rsa-pss'],
])

const signatureHashes = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' } as const
