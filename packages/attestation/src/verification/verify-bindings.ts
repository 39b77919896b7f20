/**
 * The step from "this enclave runs" to "this enclave said that".
 *
 * @see docs/spec/evidence-document.md
 * @module
 */

import {
  base64UrlOf,
  bytesOfHex,
  concat,
  equalBytes,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
  sha256,
  unreachable,
  utf8Of,
} from '../bytes/index.ts'
import {
  type InitTimeData,
  type ParsedEvidenceDocument,
  parseRaTlsClaims,
  type RuntimeData,
} from '../evidence/index.ts'
import { type Cryptography, webCryptography } from '../x509/index.ts'
import type { BindingCode } from './problem-codes.ts'
import type { SgxEvidence } from './sgx-evidence.ts'
import type { SnpEvidence } from './snp-evidence.ts'
import type { TdxEvidence } from './tdx-evidence.ts'
import type { Verified } from './verified.ts'

/** Evidence together with the data that it was found to bind. */
export interface BoundEvidence {
  readonly evidence: Verified<SgxEvidence>
  readonly runtimeData: RuntimeData
  /** Of evidence from a certificate: what REPORTDATA is of. */
  readonly claimsBytes: Uint8Array | undefined
  readonly initTimeData: InitTimeData
}

/**
 * Verifies that the quote binds the runtime data and the init-time data that came with it, that both speak of the
 * same deployment and role, and that each key is called by its thumbprint.
 *
 * @param evidence - what the document's own quote was verified to say.
 * @returns the data, now believed, or the first of {@link BindingCode}.
 */
export async function verifyBindings(
  evidence: Verified<SgxEvidence>,
  document: ParsedEvidenceDocument,
): Promise<Result<Verified<BoundEvidence>, Problem<BindingCode>>> {
  const { runtimeData, initTimeData } = document
  if (hexOf(await sha256(document.quote)) !== evidence.hashes.quote) {
    return refuse('quote-mismatch', 'quote', 'not the quote that was verified')
  }
  const { claimsBytes, runtimeDataBytes } = document
  const runtime = await verifyRuntimeDataBinding(evidence, claimsBytes ?? runtimeDataBytes)
  if (!runtime.ok) return runtime
  if (claimsBytes !== undefined && !standIn(claimsBytes, document)) {
    return refuse(
      'runtime-data-binding',
      'claims',
      'REPORTDATA is of claims that are about other data',
    )
  }
  const initTime = await verifyInitTimeDataBinding(evidence, document.initTimeDataBytes)
  if (!initTime.ok) return initTime
  if (
    runtimeData.deployment !== initTimeData.deployment ||
    runtimeData.role !== initTimeData.role
  ) {
    return refuse('runtime-init-time-mismatch', 'runtimeData', 'another deployment or role')
  }
  const [key, encryptionKey] = runtimeData.keys
  const { crv, kty, x, y } = key
  if ((await thumbprintOf({ crv, kty, x, y })) !== key.kid) {
    return refuse('identity-key-id', 'runtimeData.keys[0].kid', "not the key's thumbprint")
  }
  if (encryptionKey !== undefined) {
    const { e, kty: type, n, kid } = encryptionKey
    if ((await thumbprintOf({ e, kty: type, n })) !== kid) {
      return refuse('encryption-key-id', 'runtimeData.keys[1].kid', "not the key's thumbprint")
    }
  }
  return ok({ evidence, runtimeData, claimsBytes, initTimeData } as Verified<BoundEvidence>)
}

function standIn(
  claimsBytes: Uint8Array,
  { runtimeDataBytes, initTimeDataBytes }: ParsedEvidenceDocument,
): boolean {
  const claims = parseRaTlsClaims(claimsBytes)
  const workload = claims.ok ? claims.value.workload : undefined
  return (
    workload !== undefined &&
    equalBytes(workload.runtimeData, runtimeDataBytes) &&
    equalBytes(workload.initTimeData, initTimeDataBytes)
  )
}

/** With what data is hashed. */
export type Digest = Pick<Cryptography, 'digest'>

/** How data may be hashed that evidence commits to. Ours is always SHA-256. */
export const bindingHashes = ['SHA-256', 'SHA-384', 'SHA-512'] as const

export type BindingHash = (typeof bindingHashes)[number]

/** Verifies that REPORTDATA is the hash of `runtimeData`, SHA-256 unless said, and zero bytes. */
export async function verifyRuntimeDataBinding(
  { reportData }: Verified<SgxEvidence | TdxEvidence | SnpEvidence>,
  runtimeData: Uint8Array,
  digest: Digest = webCryptography,
  hash: BindingHash = 'SHA-256',
): Promise<Result<true, Problem<'runtime-data-binding'>>> {
  return (await isDigestAndZeros(reportData, runtimeData, digest, hash))
    ? ok(true)
    : refuse('runtime-data-binding', 'runtimeData', 'REPORTDATA is of other data')
}

/**
 * Verifies that what was fixed at launch is the hash of `initTimeData`, SHA-256 unless said, and zero bytes where there is
 * room: CONFIGID of an enclave that measures it (KSS), MRCONFIGID of a trust domain, HOST_DATA of a guest of SEV-SNP.
 */
export async function verifyInitTimeDataBinding(
  evidence: Verified<SgxEvidence | TdxEvidence | SnpEvidence>,
  initTimeData: Uint8Array,
  digest: Digest = webCryptography,
  hash: BindingHash = 'SHA-256',
): Promise<Result<true, Problem<'init-time-data-binding'>>> {
  if (evidence.kind === 'sgx' && !evidence.quote.reportBody.kss) {
    return refuse('init-time-data-binding', 'quote', 'an enclave without KSS')
  }
  const { name, value } = launchFieldOf(evidence)
  return (await isDigestAndZeros(value, initTimeData, digest, hash))
    ? ok(true)
    : refuse('init-time-data-binding', 'initTimeData', `${name} is of other data`)
}

function launchFieldOf(evidence: SgxEvidence | TdxEvidence | SnpEvidence): {
  readonly name: string
  readonly value: string
} {
  switch (evidence.kind) {
    case 'sgx':
      return { name: 'CONFIGID', value: evidence.configId }
    case 'tdx':
      return { name: 'MRCONFIGID', value: evidence.mrConfigId }
    case 'snp':
      return { name: 'HOST_DATA', value: evidence.hostData }
    default:
      return unreachable(evidence)
  }
}

async function isDigestAndZeros(
  fieldHex: string,
  data: Uint8Array,
  digest: Digest,
  hash: BindingHash,
): Promise<boolean> {
  const field = bytesOfHex(fieldHex)
  const expected = await digest.digest(hash, data)
  if (field === undefined || field.length < expected.length) return false
  return equalBytes(field, concat(expected, new Uint8Array(field.length - expected.length)))
}

/** @param members - those that RFC 7638 requires, in the order of their names. */
async function thumbprintOf(members: Readonly<Record<string, string>>): Promise<string> {
  return base64UrlOf(await sha256(utf8Of(JSON.stringify(members))))
}
