import { generateKeyPairSync, hash, sign, verify } from 'node:crypto'

/** The signature on evidence: its curve, its digest, and how many bytes it covers. */
export interface EvidenceSignature {
  readonly namedCurve: 'P-256' | 'P-384'
  readonly digest: 'sha256' | 'sha384'
  readonly signedBytes: number
}

/**
 * What no verifier can do without: the SHA-256 of the evidence by which it is known, and one signature, verified with
 * a key that is imported already.
 */
export function signatureLimit(
  { namedCurve, digest, signedBytes }: EvidenceSignature,
  evidence: Uint8Array,
): () => void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  const signed = evidence.slice(0, signedBytes)
  const signature = sign(digest, signed, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  return () => {
    hash('sha256', evidence, 'hex')
    if (!verify(digest, signed, key, signature)) throw new Error('the signature was refused')
  }
}
