import type { CryptoKey as HpkeKey } from 'hpke'
import type { Problem, Result } from '../bytes/index.ts'
import type { Random } from './random.ts'

/** HPKE KEM identifiers that are spoken here: DHKEM(P-256) and DHKEM(X25519). */
export type KemId = 0x0010 | 0x0020
/** HPKE KDF identifier: HKDF-SHA256. */
export type KdfId = 0x0001
/** HPKE AEAD identifiers: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305. */
export type AeadId = 0x0001 | 0x0002 | 0x0003

/** The public half of an OHTTP key. */
export interface KeyConfig {
  readonly keyId: number
  readonly kem: KemId
  readonly publicKey: Uint8Array
  readonly suites: readonly { readonly kdf: KdfId; readonly aead: AeadId }[]
}

/** An OHTTP key with its private half, which cannot be exported. */
export interface OhttpKey {
  readonly config: KeyConfig
  readonly privateKey: HpkeKey
}

export type KeyConfigCode = 'key-config-malformed' | 'key-config-unsupported'

export async function generateKeyConfig(_options: {
  /** 0 to 255. */
  readonly keyId: number
  readonly kem?: KemId
  readonly random: Random
}): Promise<OhttpKey> {
  throw new Error('in progress')
}
export function encodeKeyConfigs(_configs: readonly KeyConfig[]): Uint8Array {
  throw new Error('in progress')
}
export function decodeKeyConfigs(
  _bytes: Uint8Array,
): Result<readonly [KeyConfig, ...KeyConfig[]], Problem<KeyConfigCode>> {
  throw new Error('in progress')
}
