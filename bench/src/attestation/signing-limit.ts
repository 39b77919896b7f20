import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'

export type TokenAlgorithm = 'RS256' | 'ES256'

/**
 * What no attestation service does without: two signatures on P-256 verified (the quoting enclave's report and the
 * quote) and one token signed. Keys are imported, and nothing is parsed.
 */
export function signingLimit(algorithm: TokenAlgorithm): () => void {
  const quote = pair('ES256')
  const token = pair(algorithm)
  const report = Buffer.alloc(384, 1)
  const signedBytes = Buffer.alloc(432, 2)
  const text = Buffer.alloc(3500, 3)
  const onReport = signed(report, quote.privateKey)
  const onQuote = signed(signedBytes, quote.privateKey)
  return () => {
    const isReport = verify('sha256', report, options(quote.publicKey), onReport)
    const isQuote = verify('sha256', signedBytes, options(quote.publicKey), onQuote)
    if (!isReport || !isQuote) throw new Error('a genuine signature was refused')
    signed(text, token.privateKey)
  }
}

interface Pair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

function pair(algorithm: TokenAlgorithm): Pair {
  return algorithm === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function signed(bytes: Buffer, key: KeyObject): Buffer {
  return sign('sha256', bytes, options(key))
}

function options(key: KeyObject): { readonly key: KeyObject; readonly dsaEncoding: 'ieee-p1363' } {
  return { key, dsaEncoding: 'ieee-p1363' }
}
