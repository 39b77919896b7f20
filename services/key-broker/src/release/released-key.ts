/**
 * The answer to a release, before it is signed.
 *
 * @see Key Vault, "Release"; "Bring your own key specification", key transfer blob
 * @module
 */

import { base64UrlOf, utf8Of } from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'
import { attributesOf, keyIdOf, policyOf, releasePolicyOf, type Vault } from '../keys/key-bundle.ts'
import { publicPartOf, releasedBytesOf } from '../keys/key-material.ts'
import type { StoredVersion } from '../keys/key-store.ts'
import type { TargetKey } from './target-key.ts'
import { type ReleaseEncryption, wrapKey } from './wrap-key.ts'

/** What was asked for, and is repeated in the answer. */
export interface AskedRelease {
  readonly apiVersion: string
  readonly encryption: ReleaseEncryption
  readonly nonce: string | undefined
}

export function releasedKeyOf(
  vault: Vault,
  stored: StoredVersion,
  target: TargetKey,
  { apiVersion, encryption, nonce }: AskedRelease,
  random: Random,
): object {
  const { version } = stored
  const kid = keyIdOf(vault, stored)
  const secret = releasedBytesOf(version.material)
  const ciphertext = wrapKey(secret, target.key, encryption, random)
  secret.fill(0)
  const blob = {
    schema_version: '1.0',
    header: { kid: target.kid, alg: 'dir', enc: encryption },
    ciphertext: base64UrlOf(ciphertext),
  }
  const policy = policyOf(version)
  return {
    request: {
      'api-version': apiVersion,
      enc: encryption,
      kid,
      ...(nonce === undefined ? {} : { nonce }),
    },
    response: {
      key: {
        key: {
          kid,
          kty: version.type,
          key_ops: version.operations,
          ...publicPartOf(version.material),
          key_hsm: base64UrlOf(utf8Of(JSON.stringify(blob))),
        },
        attributes: attributesOf(vault, version),
        ...(policy === undefined ? {} : { release_policy: releasePolicyOf(policy) }),
      },
    },
  }
}
