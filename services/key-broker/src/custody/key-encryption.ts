import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { createSealer, type MasterKey } from '@sealward/enclave/sealing'
import type { Random } from '@sealward/enclave/server'

/**
 * A key-encryption key, wherever it is: in a file, behind a passphrase, in a token of PKCS#11, in a TEE.
 *
 * It wraps one thing, the root key, and is asked for it when the broker starts.
 */
export interface KeyEncryption {
  /** Names the key without telling anything about it. */
  readonly id: string
  /** @param context - what is wrapped, and for what: unwraps under no other. */
  wrap(bytes: Uint8Array, context: string): Promise<Uint8Array>
  unwrap(
    wrapped: Uint8Array,
    context: string,
  ): Promise<Result<Uint8Array, Problem<'key-encryption-refused' | 'key-encryption-unavailable'>>>
}

/** A key-encryption key that is in this process: of a file, or of the TEE. */
export function keyEncryptionOf(key: MasterKey, random: Random): KeyEncryption {
  const sealer = createSealer(key, { random })
  const addressOf = (context: string) => ({ type: 'key-encryption', id: context, version: 1 })
  return {
    id: sealer.keyId,
    wrap: async (bytes, context) => sealer.seal(addressOf(context), bytes),
    async unwrap(wrapped, context) {
      const opened = sealer.open(addressOf(context), wrapped)
      return opened.ok
        ? ok(opened.value)
        : refuse('key-encryption-refused', context, 'Another key-encryption key wrapped this.')
    },
  }
}
