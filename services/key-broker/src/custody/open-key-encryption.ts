import { join } from 'node:path'
import { ok, type Problem, type Result, refuse, unreachable } from '@sealward/attestation/bytes'
import type { Tee } from '@sealward/enclave/evidence'
import { type LocalSecret, openKeptMasterKey, secretFile } from '@sealward/enclave/local-secret'
import { openKeyFile } from '@sealward/enclave/sealing'
import type { Random } from '@sealward/enclave/server'
import { type KeyEncryption, keyEncryptionOf } from './key-encryption.ts'
import { type KeyEncryptionSettings, sealingPolicyOf } from './key-encryption-settings.ts'
import { limits } from './limits.ts'
import { passphraseKeyEncryption } from './passphrase.ts'
import { openPkcs11KeyEncryption } from './pkcs11.ts'
import { readSecret, type SecretSurroundings } from './secret-source.ts'

export interface OpenKeyEncryptionOptions extends SecretSurroundings {
  /** Where the file is, unless said. */
  readonly stateFolder: string
  readonly tee?: Tee | undefined
  readonly random: Random
  /** Whether a key is drawn where there is none: before anything was sealed. */
  readonly make: boolean
  /** Ids of the TEEs' keys by which the root key opens. */
  readonly teeKeys?: readonly string[]
  /** Told of the secret that a TEE's key comes of. */
  readonly onSecret?: (secret: LocalSecret) => void
}

/**
 * Opens the key-encryption key that is named; in a TEE its own, otherwise that of the file, where none is.
 *
 * In a TEE no other is opened: whoever trusts the broker by its measurement trusts that nobody else has its keys.
 */
export async function openKeyEncryption(
  settings: KeyEncryptionSettings | undefined,
  options: OpenKeyEncryptionOptions,
): Promise<Result<KeyEncryption, Problem>> {
  const { stateFolder, tee, random, make } = options
  const named: KeyEncryptionSettings = settings ?? { kind: tee === undefined ? 'file' : 'tee' }
  if (tee !== undefined && named.kind !== 'tee') {
    return wrongKind('In a TEE the key-encryption key is of its own secret, and no other.')
  }
  switch (named.kind) {
    case 'tee':
      return tee === undefined
        ? wrongKind('This broker runs in no TEE, and so no secret of one opens.')
        : openTeeKey(named, tee, options)
    case 'file': {
      const file = named.file ?? join(stateFolder, 'key-encryption-key')
      const key = await openKeyFile(file, random, { make })
      return key.ok ? ok(keyEncryptionOf('file', key.value, random)) : key
    }
    case 'passphrase': {
      const asked = { bytesMax: limits.passphraseBytesMax, question: 'Passphrase of the broker: ' }
      const passphrase = await readSecret(named.passphrase, asked, options)
      return passphrase.ok ? passphraseKeyEncryption(passphrase.value, random) : passphrase
    }
    case 'pkcs11': {
      const asked = { bytesMax: limits.pinBytesMax, question: `PIN of the token ${named.token}: ` }
      const pin = await readSecret(named.pin, asked, options)
      return pin.ok ? openPkcs11KeyEncryption(named, pin.value, { random, make }) : pin
    }
    default:
      return unreachable(named)
  }
}

async function openTeeKey(
  settings: Extract<KeyEncryptionSettings, { readonly kind: 'tee' }>,
  tee: Tee,
  { make, onSecret, random, stateFolder, teeKeys = [] }: OpenKeyEncryptionOptions,
): Promise<Result<KeyEncryption, Problem>> {
  const { file, from } = settings
  const kept = await openKeptMasterKey({
    name: 'broker-key-encryption',
    place: secretFile(file ?? join(stateFolder, 'local-secret')),
    tee,
    policy: sealingPolicyOf(settings),
    sealedUnder: teeKeys,
    // Another broker gives what it is to open.
    mayDraw: make || from !== undefined,
    random,
  })
  if (!kept.ok) return kept
  onSecret?.(kept.value.secret)
  return ok(keyEncryptionOf('tee', kept.value.key, random))
}

function wrongKind(detail: string): Result<never, Problem<'key-encryption-kind'>> {
  return refuse('key-encryption-kind', 'keyEncryption.kind', detail)
}
