import {
  constants,
  createPublicKey,
  hash,
  type KeyObject,
  verify as verifySignature,
} from 'node:crypto'
import { concat } from '@sealward/attestation/bytes'
import {
  type Cryptography,
  isOfKind,
  type PublicKey,
  type SignatureAlgorithm,
} from '@sealward/attestation/x509'

/**
 * `Cryptography` by node:crypto, which answers at once: no turn of the event loop between two signatures.
 *
 * @param keysMax - how many imported keys are kept by their bytes; importing costs about as much as verifying. Keys of
 *   what is remembered elsewhere (a platform's) are kept with it.
 */
export function createNodeCryptography(keysMax: number): Cryptography {
  const ofObjects = new WeakMap<PublicKey, KeyObject>()
  const ofBytes = new Map<string, KeyObject>()
  const keyOf = (publicKey: PublicKey): KeyObject | undefined => {
    const same = ofObjects.get(publicKey)
    if (same !== undefined) return same
    const name = nameOf(publicKey)
    const key = ofBytes.get(name) ?? importKey(publicKey)
    if (key === undefined) return undefined
    // Last used is last in order, so the first is the one to forget.
    ofBytes.delete(name)
    ofBytes.set(name, key)
    for (const oldest of ofBytes.keys()) {
      if (ofBytes.size <= keysMax) break
      ofBytes.delete(oldest)
    }
    ofObjects.set(publicKey, key)
    return key
  }
  return {
    verify({ publicKey, signature, message }) {
      if (!isOfKind(signature.algorithm, publicKey)) return false
      const key = keyOf(publicKey)
      if (key === undefined) return false
      const [digest, options] = nodeAlgorithms[signature.algorithm]
      try {
        return verifySignature(digest, message, { key, ...options }, signature.bytes)
      } catch {
        // A signature of another length than the key's is an error to some versions, and a refusal to others.
        return false
      }
    },
    digest: (algorithm, bytes) => hash(algorithm, bytes, 'buffer'),
  }
}

/** The one that services share: their keys are few. */
export const nodeCryptography: Cryptography = createNodeCryptography(1024)

function nameOf(key: PublicKey): string {
  const bytes = key.kind === 'rsa' ? key.spki : key.point
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** `undefined`: no point of the curve, or no key. */
function importKey(key: PublicKey): KeyObject | undefined {
  const spki = key.kind === 'rsa' ? key.spki : concat(pointPrefixes[key.kind], key.point)
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

/** DER of SubjectPublicKeyInfo up to the point: RFC 5480, section 2. */
const pointPrefixes = {
  p256: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
  p384: Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'),
} as const

interface Options {
  readonly dsaEncoding?: 'ieee-p1363'
  readonly padding?: number
  readonly saltLength?: number
}

const pkcs1: Options = { padding: constants.RSA_PKCS1_PADDING }
const pss = (saltLength: number): Options => ({
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength,
})
const ecdsa: Options = { dsaEncoding: 'ieee-p1363' }

const nodeAlgorithms: Readonly<Record<SignatureAlgorithm, readonly [string, Options]>> = {
  'ecdsa-p256-sha256': ['sha256', ecdsa],
  'ecdsa-p384-sha256': ['sha256', ecdsa],
  'ecdsa-p384-sha384': ['sha384', ecdsa],
  'rsa-pss-sha256': ['sha256', pss(32)],
  'rsa-pss-sha384': ['sha384', pss(48)],
  'rsa-pss-sha512': ['sha512', pss(64)],
  'rsa-pkcs1-sha256': ['sha256', pkcs1],
  'rsa-pkcs1-sha384': ['sha384', pkcs1],
  'rsa-pkcs1-sha512': ['sha512', pkcs1],
}
