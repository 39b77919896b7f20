/**
 * Keys as Key Vault writes them.
 *
 * @see Azure REST API specifications, Key Vault data plane, `KeyBundle`, `KeyItem`, `DeletedKeyBundle`
 * @module
 */

import { base64UrlOf, utf8Of } from '@sealward/attestation/bytes'
import { publicPartOf } from './key-material.ts'
import type { PolicyVersion, VersionRecord } from './key-record.ts'
import type { StoredVersion } from './key-store.ts'

/** Where keys are, and for how long a deleted one stays. */
export interface Vault {
  readonly publicUrl: string
  readonly recoverableDays: number
}

/** `<publicUrl>/keys/<name>/<version>` */
export function keyIdOf({ publicUrl }: Vault, { key, entry }: StoredVersion): string {
  return `${publicUrl}/keys/${key.name}/${entry.id}`
}

/** A key, without anything secret. */
export function keyBundleOf(vault: Vault, stored: StoredVersion): object {
  const { version } = stored
  const policy = policyOf(version)
  return {
    key: {
      kid: keyIdOf(vault, stored),
      kty: version.type,
      key_ops: version.operations,
      ...publicPartOf(version.material),
    },
    attributes: attributesOf(vault, version),
    ...tagsOf(version),
    ...(policy === undefined ? {} : { release_policy: releasePolicyOf(policy) }),
  }
}

/** A key in a list; one without its version, where the list is of keys. */
export function keyItemOf(vault: Vault, stored: StoredVersion, ofVersions: boolean): object {
  const { version, key } = stored
  return {
    kid: ofVersions ? keyIdOf(vault, stored) : `${vault.publicUrl}/keys/${key.name}`,
    attributes: attributesOf(vault, version),
    ...tagsOf(version),
  }
}

/** What is added about a deleted key. */
export function deletionOf({ publicUrl }: Vault, { key }: Pick<StoredVersion, 'key'>): object {
  return {
    recoveryId: `${publicUrl}/deletedkeys/${key.name}`,
    deletedDate: key.deleted?.at,
    scheduledPurgeDate: key.deleted?.purgeAt,
  }
}

/** The policy that counts. */
export function policyOf({ policies }: VersionRecord): PolicyVersion | undefined {
  return policies.at(-1)
}

export function releasePolicyOf({ text, immutable }: PolicyVersion): object {
  return {
    contentType: 'application/json; charset=utf-8',
    data: base64UrlOf(utf8Of(text)),
    immutable,
  }
}

export function attributesOf({ recoverableDays }: Vault, version: VersionRecord): object {
  return {
    enabled: version.enabled,
    ...(version.notBefore === undefined ? {} : { nbf: version.notBefore }),
    ...(version.expiresAt === undefined ? {} : { exp: version.expiresAt }),
    created: version.createdAt,
    updated: version.updatedAt,
    recoveryLevel:
      recoverableDays < 90 ? 'CustomizedRecoverable+Purgeable' : 'Recoverable+Purgeable',
    recoverableDays,
    exportable: version.policies.length > 0,
  }
}

function tagsOf({ tags }: VersionRecord): object {
  return tags.length === 0 ? {} : { tags: Object.fromEntries(tags) }
}
