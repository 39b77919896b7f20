import type { Problem, Result } from '../bytes/index.ts'
import type { Random } from './random.ts'
import type { AeadId, KemId, SymmetricSuite } from './suite.ts'

/**
 * What computes HPKE in base mode: Web Crypto, which every engine has, or the host's own where it is faster.
 *
 * @see RFC 9180, section 5
 */
export interface HpkeEngine {
  /** A key pair from 32 bytes of the caller's randomness: the same bytes make the same pair in every engine. */
  deriveRecipient(kem: KemId, random: Random): Promise<HpkeRecipient>
  /**
   * Agrees on a key with the holder of `publicKey`. `random` is for the ephemeral key, where the engine takes it from
   * the caller.
   *
   * @returns `malformed` when that is no public key, `unsupported-suite` when the engine does not know the KEM.
   */
  setupSender(input: {
    readonly kem: KemId
    readonly publicKey: Uint8Array
    readonly symmetric: SymmetricSuite
    readonly info: Uint8Array
    readonly random: Random
  }): Awaitable<
    Result<
      { readonly enc: Uint8Array; readonly context: HpkeContext },
      Problem<'malformed' | 'unsupported-suite'>
    >
  >
  aead(id: AeadId): HpkeAead
  /** HKDF-SHA256. RFC 5869. */
  extract(salt: Uint8Array, input: Uint8Array): Awaitable<Uint8Array>
  expand(prk: Uint8Array, info: Uint8Array, lengthBytes: number): Awaitable<Uint8Array>
}

/** A private key that opens what was sealed to its public key. */
export interface HpkeRecipient {
  readonly engine: HpkeEngine
  readonly publicKey: Uint8Array
  /** @returns `undefined` when `enc` is no encapsulated key. */
  setup(
    enc: Uint8Array,
    info: Uint8Array,
    symmetric: SymmetricSuite,
  ): Awaitable<HpkeContext | undefined>
}

/** What both sides have once a key is agreed on. Messages are sealed and opened in one order. */
export interface HpkeContext {
  /** @returns `before` ‖ ciphertext ‖ tag: bytes that are sent together are written once. */
  seal(plaintext: Uint8Array, aad?: Uint8Array, before?: Uint8Array): Awaitable<Uint8Array>
  /** @returns `undefined` when it does not open. */
  open(ciphertext: Uint8Array, aad?: Uint8Array): Awaitable<Uint8Array | undefined>
  export(exporterContext: Uint8Array, lengthBytes: number): Awaitable<Uint8Array>
}

/** AES-GCM with a tag of 16 bytes. */
export interface HpkeAead {
  readonly keyBytes: number
  readonly nonceBytes: number
  /** @returns `before` ‖ ciphertext ‖ tag. */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    before?: Uint8Array,
  ): Awaitable<Uint8Array>
  /** @returns `undefined` when it does not open. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ): Awaitable<Uint8Array | undefined>
}

export type Awaitable<T> = T | Promise<T>
