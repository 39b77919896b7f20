import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { createSealer, type MasterKey } from '@sealward/enclave/sealing'
import type { Random } from '@sealward/enclave/server'

/** What holds a key-encryption key. `recovery`: the shares of a recovery set, together. */
export const keyEncryptionKinds = ['file', 'passphrase', 'pkcs11', 'tee', 'recovery'] as const

export type KeyEncryptionKind = (typeof keyEncryptionKinds)[number]

export type KeyEncryptionCode = 'key-encryption-refused' | 'key-encryption-unavailable'

/**
 * A key-encryption key, wherever it is: in a file, behind a passphrase, in a token of PKCS#11, in a TEE.
 *
 * It wraps one thing, the root key, and is asked for it when the broker starts.
 */
export interface KeyEncryption {
  readonly kind: KeyEncryptionKind
  /** Names the key that wraps, and tells nothing about it. */
  readonly id: string
  /** Whether what this name wrapped may open: a passphrase has another name for each salt. */
  opens(id: string): boolean
  /** @param context - what is wrapped, and for what: unwraps under no other. */
  wrap(bytes: Uint8Array, context: string): Promise<Result<Uint8Array, Problem<KeyEncryptionCode>>>
  unwrap(
    wrapped: Uint8Array,
    context: string,
  ): Promise<Result<Uint8Array, Problem<KeyEncryptionCode>>>
}

/** A key-encryption key that is in this process: of a file, or of the TEE. */
export function keyEncryptionOf(
  kind: Extract<KeyEncryptionKind, 'file' | 'tee'>,
  key: MasterKey,
  random: Random,
): KeyEncryption {
  const sealer = createSealer(key, { random })
  const addressOf = (context: string) => ({ type: 'key-encryption', id: context, version: 1 })
  return {
    kind,
    id: sealer.keyId,
    opens: (id) => id === sealer.keyId,
    wrap: async (bytes, context) => ok(sealer.seal(addressOf(context), bytes)),
    async unwrap(wrapped, context) {
      const opened = sealer.open(addressOf(context), wrapped)
      return opened.ok ? ok(opened.value) : wrappedByAnother()
    },
  }
}

export function wrappedByAnother(): Result<never, Problem<'key-encryption-refused'>> {
  return refuse(
    'key-encryption-refused',
    'keyEncryption',
    'This was wrapped by another key-encryption key, or for something else, or was changed.',
  )
}
