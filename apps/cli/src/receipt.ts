/**
 * `sealward receipt verify`: what an auditor runs, years later, without a network.
 *
 * @module
 */

import { createHash, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { hexOf, jsonOf, ok, sha256, type UnixSeconds } from '@sealward/attestation/bytes'
import {
  type ReceiptProblem,
  type ReceiptReport,
  verifyReceipt,
} from '@sealward/attestation/receipt'
import { type SigningJwk, signerOf } from '@sealward/attestation/token'
import { limits } from './limits.ts'
import { badInput, type Outcome } from './problem.ts'

export interface ReceiptFiles {
  readonly receipt: string
  /** PEM certificates of evidence roots. */
  readonly root: string
  /** PEM certificates or public keys of the attestation service, or its JWKS. */
  readonly signer?: string
}

/** Either what the receipt proves, or the step at which it fails. */
export type ReceiptVerdict =
  | { readonly kind: 'verified'; readonly report: ReceiptReport }
  | { readonly kind: 'refused'; readonly problem: ReceiptProblem }

/** Verifies a receipt from files alone. */
export async function verifyReceiptFiles(
  files: ReceiptFiles,
  at: UnixSeconds,
): Promise<Outcome<ReceiptVerdict>> {
  const receipt = await readBounded(files.receipt, 'FILE')
  if (!receipt.ok) return receipt
  const json = jsonOf(receipt.value, {
    bytesMax: limits.receiptBytesMax,
    depthMax: limits.depthMax,
  })
  if (!json.ok) return badInput('receipt-not-json', 'FILE', `${files.receipt} is not a receipt`)
  const roots = await readRoots(files.root)
  if (!roots.ok) return roots
  const signers = files.signer === undefined ? undefined : await readSigners(files.signer)
  if (signers !== undefined && !signers.ok) return signers
  const result = await verifyReceipt(json.value, {
    roots: roots.value,
    at,
    ...(signers === undefined ? {} : { signers: signers.value }),
  })
  return ok(
    result.ok
      ? { kind: 'verified', report: result.value }
      : { kind: 'refused', problem: result.problem },
  )
}

/** Hex SHA-256 of the SPKI of each certificate in a PEM file. */
async function readRoots(file: string): Promise<Outcome<readonly string[]>> {
  const bytes = await readBounded(file, '--root')
  if (!bytes.ok) return bytes
  const roots = await Promise.all(
    certificatesIn(bytes.value).map(async (certificate) =>
      hexOf(await sha256(spkiOf(certificate))),
    ),
  )
  return roots.length > 0
    ? ok(roots)
    : badInput('root-malformed', '--root', `${file} holds no PEM certificate`)
}

/** Base64url SHA-256 of the SPKI of each key that a file of `--signer` names. */
export async function readSigners(file: string): Promise<Outcome<readonly string[]>> {
  const bytes = await readBounded(file, '--signer')
  if (!bytes.ok) return bytes
  const certified = certificatesIn(bytes.value).map((certificate) =>
    createHash('sha256').update(spkiOf(certificate)).digest('base64url'),
  )
  const published = await Promise.all(keysIn(bytes.value).map(signerOf))
  const signers = [...certified, ...published].filter((signer) => signer !== undefined)
  return signers.length > 0
    ? ok(signers)
    : badInput(
        'signer-malformed',
        '--signer',
        `${file} holds neither PEM certificates nor a key set`,
      )
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

function certificatesIn(bytes: Uint8Array): readonly X509Certificate[] {
  const pems = Buffer.from(bytes).toString('latin1').match(pemCertificate) ?? []
  return pems.map(certificateOf).filter((certificate) => certificate !== undefined)
}

/** The keys of a saved `/certs` answer. */
function keysIn(bytes: Uint8Array): readonly SigningJwk[] {
  const json = jsonOf(bytes, { bytesMax: limits.receiptBytesMax, depthMax: limits.depthMax })
  const { keys } = ((json.ok ? json.value : undefined) ?? {}) as { readonly keys?: unknown }
  return (Array.isArray(keys) ? keys : []).filter(
    (key: unknown): key is SigningJwk => typeof key === 'object' && key !== null && 'kty' in key,
  )
}

function certificateOf(encoded: string): X509Certificate | undefined {
  try {
    return new X509Certificate(encoded)
  } catch {
    return undefined
  }
}

function spkiOf(certificate: X509Certificate): Buffer {
  return certificate.publicKey.export({ format: 'der', type: 'spki' })
}

async function readBounded(file: string, at: string): Promise<Outcome<Uint8Array>> {
  try {
    const { size } = await stat(file)
    if (size > limits.receiptBytesMax) {
      return badInput('file-too-large', at, `${file} has more than ${limits.receiptBytesMax} bytes`)
    }
    return ok(await readFile(file))
  } catch {
    return badInput('file-unreadable', at, `${file} cannot be read`)
  }
}
