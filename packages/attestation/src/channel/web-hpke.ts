/**
 * HPKE by Web Crypto, through a library: what browsers have.
 *
 * @module
 */

import {
  AEAD_AES_128_GCM,
  AEAD_AES_256_GCM,
  type AEADFactory,
  CipherSuite,
  DecapError,
  DeserializeError,
  EncapError,
  type Key as HpkeKey,
  KDF_HKDF_SHA256,
  KEM_DHKEM_P256_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
  KEM_MLKEM768_X25519,
  type KEMFactory,
  type KeyPair,
  NotSupportedError,
  OpenError,
  ValidationError,
} from 'hpke'
import { concat, ok, refuse } from '../bytes/index.ts'
import type { HpkeAead, HpkeContext, HpkeEngine, HpkeRecipient } from './hpke-engine.ts'
import type { Random } from './random.ts'
import { type AeadId, type KemId, kemsInPreference, type SymmetricSuite } from './suite.ts'

/** HPKE as every engine with Web Crypto has it. */
export const webHpke: HpkeEngine = webHpkeWith()

/**
 * As {@link webHpke}, with the ephemeral key of a sender given: vectors fix it. With MLKEM768-X25519 it is the engine's:
 * Web Crypto encapsulates with randomness of its own and takes no other.
 */
export function webHpkeWith(ephemeral?: () => Promise<KeyPair<HpkeKey>>): HpkeEngine {
  return {
    deriveRecipient: async (kem, random) => webRecipientOf(kem, await keyPairOf(kem, random)),
    async setupSender({ kem, publicKey, symmetric, info, random }) {
      const suite = senderSuite(kem, symmetric, ephemeral ?? (() => keyPairOf(kem, random)))
      try {
        const recipient = await suite.DeserializePublicKey(publicKey)
        const { encapsulatedSecret, ctx } = await suite.SetupSender(recipient, { info })
        const context: HpkeContext = {
          seal: async (plaintext, aad, before = none) =>
            concat(before, await ctx.Seal(plaintext, aad)),
          open: () => Promise.reject(new Error('unreachable: a sender opens nothing')),
          export: (exporterContext, lengthBytes) => ctx.Export(exporterContext, lengthBytes),
        }
        return ok({ enc: encapsulatedSecret, context })
      } catch (error) {
        if (error instanceof DeserializeError || error instanceof EncapError) {
          return refuse('malformed', 'config', 'the public key is not one')
        }
        if (error instanceof NotSupportedError) {
          return refuse('unsupported-suite', 'config', 'this engine does not know its KEM')
        }
        throw error
      }
    },
    aead: (id) => webAead[id],
    extract: (salt, input) => kdf.Extract(salt, input),
    expand: (prk, info, lengthBytes) => kdf.Expand(prk, info, lengthBytes),
  }
}

/**
 * The KEMs that keys can be made for with this engine's Web Crypto, those that a quantum computer does not break before the
 * others. An engine may seal to more: Chromium to MLKEM768-X25519, whose keys it cannot derive.
 */
export async function supportedKems(): Promise<readonly KemId[]> {
  const known: KemId[] = []
  for (const kem of kemsInPreference) if (await isSupported(kem)) known.push(kem)
  return known
}

async function isSupported(kem: KemId): Promise<boolean> {
  const suite = recipientSuite(kem, anyCipher)
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

/** The recipient whose key pair is the library's. */
export async function webRecipientOf(kem: KemId, pair: KeyPair<HpkeKey>): Promise<HpkeRecipient> {
  return {
    engine: webHpke,
    publicKey: await recipientSuite(kem, anyCipher).SerializePublicKey(pair.publicKey),
    setup: (enc, info, symmetric) =>
      opening(async () => {
        const ctx = await recipientSuite(kem, symmetric).SetupRecipient(pair, enc, { info })
        return {
          seal: () => Promise.reject(new Error('unreachable: a recipient seals nothing')),
          open: (ciphertext, aad) => opening(() => ctx.Open(ciphertext, aad)),
          export: (exporterContext, lengthBytes) => ctx.Export(exporterContext, lengthBytes),
        }
      }),
  }
}

/** A private key, serialised, from the caller's randomness. @see RFC 9180, section 7.1.3 */
export async function derivePrivateKey(kem: KemId, random: Random): Promise<Uint8Array> {
  const suite = recipientSuite(kem, anyCipher)
  const { privateKey } = await suite.DeriveKeyPair(random.bytes(ikmBytes), true)
  return suite.SerializePrivateKey(privateKey)
}

const kems: Readonly<Record<KemId, KEMFactory<HpkeKey>>> = {
  16: KEM_DHKEM_P256_HKDF_SHA256,
  32: KEM_DHKEM_X25519_HKDF_SHA256,
  25722: KEM_MLKEM768_X25519,
}

const aeads: Readonly<Record<AeadId, AEADFactory>> = {
  1: AEAD_AES_128_GCM,
  2: AEAD_AES_256_GCM,
}

const kdf = KDF_HKDF_SHA256()

/** The bytes of randomness that make a key pair. */
const ikmBytes = 32
/** What has to do with key pairs only takes no notice of it. */
const anyCipher: SymmetricSuite = { kdf: 0x0001, aead: 0x0002 }

/** The suite for a recipient, whose operations draw no randomness. */
export function recipientSuite(kem: KemId, { aead }: SymmetricSuite): CipherSuite<HpkeKey> {
  return new CipherSuite(kems[kem], KDF_HKDF_SHA256, aeads[aead])
}

/** The suite for a sender whose ephemeral key is the one that `ephemeral` makes. */
export function senderSuite(
  kem: KemId,
  { aead }: SymmetricSuite,
  ephemeral: () => Promise<KeyPair<HpkeKey>>,
): CipherSuite<HpkeKey> {
  const factory: KEMFactory<HpkeKey> = () => ({ ...kems[kem](), GenerateKeyPair: ephemeral })
  return new CipherSuite(factory, KDF_HKDF_SHA256, aeads[aead])
}

/** A key pair from the caller's randomness; the private half cannot be exported. */
export function keyPairOf(kem: KemId, random: Random): Promise<KeyPair<HpkeKey>> {
  return recipientSuite(kem, anyCipher).DeriveKeyPair(random.bytes(ikmBytes))
}

const none = new Uint8Array()

const webAead: Readonly<Record<AeadId, HpkeAead>> = { 1: aeadOf(1), 2: aeadOf(2) }

function aeadOf(id: AeadId): HpkeAead {
  const aead = aeads[id]()
  return {
    keyBytes: aead.Nk,
    nonceBytes: aead.Nn,
    seal: async (key, nonce, aad, plaintext, before = none) =>
      concat(before, await aead.Seal(key, nonce, aad, plaintext)),
    open: (key, nonce, aad, ciphertext) => opening(() => aead.Open(key, nonce, aad, ciphertext)),
  }
}

/** Every way in which a ciphertext can fail to open is one answer. */
async function opening<T>(open: () => Promise<T>): Promise<T | undefined> {
  try {
    return await open()
  } catch (error) {
    const isRefusal =
      error instanceof OpenError ||
      error instanceof DecapError ||
      error instanceof DeserializeError ||
      error instanceof ValidationError ||
      (error instanceof DOMException && error.name === 'OperationError')
    if (isRefusal) return undefined
    throw error
  }
}
