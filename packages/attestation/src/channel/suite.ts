/**
 * The HPKE suites that sealed HTTP is spoken with, and where their randomness comes from.
 *
 * @see RFC 9180, section 7; docs/spec/sealed-http.md
 * @module
 */

import {
  AEAD_AES_128_GCM,
  AEAD_AES_256_GCM,
  type AEADFactory,
  CipherSuite,
  type Key as HpkeKey,
  KDF_HKDF_SHA256,
  KEM_DHKEM_P256_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
  KEM_MLKEM768_X25519,
  type KEMFactory,
  type KeyPair,
  NotSupportedError,
} from 'hpke'
import type { Random } from './random.ts'

/**
 * HPKE KEM identifiers that are spoken here: DHKEM(P-256), DHKEM(X25519), and MLKEM768-X25519, which is also called
 * X-Wing and stays secret when either half of it is broken.
 *
 * @see draft-ietf-hpke-pq-05, section 4; draft-connolly-cfrg-xwing-kem
 */
export type KemId = 0x0010 | 0x0020 | 0x647a
/** HPKE KDF identifier: HKDF-SHA256. */
export type KdfId = 0x0001
/** HPKE AEAD identifiers: AES-128-GCM and AES-256-GCM. */
export type AeadId = 0x0001 | 0x0002

/** A key derivation and a cipher that one key may be used with. */
export interface SymmetricSuite {
  readonly kdf: KdfId
  readonly aead: AeadId
}

export type HpkeSuite = CipherSuite<HpkeKey>

const kems: Readonly<Record<KemId, KEMFactory<HpkeKey>>> = {
  16: KEM_DHKEM_P256_HKDF_SHA256,
  32: KEM_DHKEM_X25519_HKDF_SHA256,
  25722: KEM_MLKEM768_X25519,
}

const aeads: Readonly<Record<AeadId, AEADFactory>> = {
  1: AEAD_AES_128_GCM,
  2: AEAD_AES_256_GCM,
}

/** Bytes of a public key, and of an encapsulated key, of each KEM. */
export const kemBytes: Readonly<
  Record<KemId, { readonly publicKey: number; readonly enc: number }>
> = {
  16: { publicKey: 65, enc: 65 },
  32: { publicKey: 32, enc: 32 },
  25722: { publicKey: 1216, enc: 1120 },
}

/** The bytes of randomness that make a key pair. */
const ikmBytes = 32

/** Every KEM, the ones that a quantum computer does not break before the others. */
const inPreference = [0x647a, 0x0020, 0x0010] as const satisfies readonly KemId[]

/** The KEMs of this engine's Web Crypto, those that a quantum computer does not break before the others. */
export async function supportedKems(): Promise<readonly KemId[]> {
  const known: KemId[] = []
  for (const kem of inPreference) if (await isSupported(kem)) known.push(kem)
  return known
}

async function isSupported(kem: KemId): Promise<boolean> {
  const suite = recipientSuite(kem, { kdf: 0x0001, aead: 0x0002 })
  try {
    const pair = await suite.DeriveKeyPair(new Uint8Array(ikmBytes))
    const { encapsulatedSecret } = await suite.SetupSender(pair.publicKey)
    await suite.SetupRecipient(pair, encapsulatedSecret)
    return true
  } catch (error) {
    if (error instanceof NotSupportedError) return false
    throw error
  }
}

/** Of what can be sealed to: what a quantum computer does not break first, and otherwise in the order given. */
export function preferred<T extends { readonly kem: KemId }>(configs: readonly T[]): readonly T[] {
  const isHybrid = ({ kem }: T): boolean => kem === 0x647a
  return [...configs.filter(isHybrid), ...configs.filter((config) => !isHybrid(config))]
}

export function isKemId(id: number): id is KemId {
  return id in kems
}

export function isSymmetricSuite(suite: {
  readonly kdf: number
  readonly aead: number
}): suite is SymmetricSuite {
  return suite.kdf === 0x0001 && suite.aead in aeads
}

/** The suite for a recipient, whose operations draw no randomness. */
export function recipientSuite(kem: KemId, { aead }: SymmetricSuite): HpkeSuite {
  return new CipherSuite(kems[kem], KDF_HKDF_SHA256, aeads[aead])
}

/**
 * The suite for a sender whose ephemeral key is the one that `ephemeral` makes. With MLKEM768-X25519 it is the engine's:
 * Web Crypto encapsulates with randomness of its own and takes no other.
 */
export function senderSuite(
  kem: KemId,
  { aead }: SymmetricSuite,
  ephemeral: () => Promise<KeyPair<HpkeKey>>,
): HpkeSuite {
  const factory: KEMFactory<HpkeKey> = () => ({ ...kems[kem](), GenerateKeyPair: ephemeral })
  return new CipherSuite(factory, KDF_HKDF_SHA256, aeads[aead])
}

/** A key pair from the caller's randomness; the private half cannot be exported. */
export function keyPairOf(kem: KemId, random: Random): Promise<KeyPair<HpkeKey>> {
  return recipientSuite(kem, { kdf: 0x0001, aead: 0x0002 }).DeriveKeyPair(random.bytes(ikmBytes))
}

export const kdf: ReturnType<typeof KDF_HKDF_SHA256> = KDF_HKDF_SHA256()

export function aeadOf(id: AeadId): ReturnType<AEADFactory> {
  return aeads[id]()
}
