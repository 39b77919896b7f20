/**
 * Versions as they are made and changed: what may be said of one, given what is there.
 *
 * @module
 */

import {
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { limits as releaseLimits } from '../release/limits.ts'
import type { KeyMaterial } from './key-material.ts'
import type { KeyRecord, PolicyVersion, VersionRecord } from './key-record.ts'
import type { RequestedPolicy, VersionProperties } from './key-request.ts'
import { familyOf, type KeyOperation, type KeyType, operationsOf } from './key-type.ts'

export type VersionCode =
  | 'key-operations-refused'
  | 'key-times-refused'
  | 'key-not-exportable'
  | 'key-exportable-fixed'
  | 'release-policy-missing'
  | 'release-policy-immutable'
  | 'release-policy-versions-too-many'

type Version = Result<VersionRecord, Problem<VersionCode>>

/** @param key - what the version is to belong to; of one that is not there yet, what is left of an earlier one. */
export function newVersion(
  key: Pick<KeyRecord, 'immutablePolicy'> | undefined,
  { type, material }: { readonly type: KeyType; readonly material: KeyMaterial },
  properties: VersionProperties,
  at: UnixSeconds,
): Version {
  const { exportable = false, policy, operations = operationsOf[familyOf(type)] } = properties
  if (exportable && policy === undefined) {
    return refuse(
      'release-policy-missing',
      'release_policy',
      'An exportable key needs a release policy.',
    )
  }
  if (!exportable && policy !== undefined) return notExportable()
  if (key?.immutablePolicy !== undefined && key.immutablePolicy !== policy?.text) {
    return immutable()
  }
  return consistent({
    type,
    material,
    operations,
    enabled: properties.enabled ?? true,
    notBefore: properties.notBefore,
    expiresAt: properties.expiresAt,
    createdAt: at,
    updatedAt: at,
    policies:
      policy === undefined
        ? []
        : [
            {
              number: 1,
              since: at,
              text: policy.text,
              immutable: policy.immutable === true || key?.immutablePolicy !== undefined,
            },
          ],
    tags: properties.tags ?? [],
  })
}

/** The version as it is after a change; its secret stays. */
export function changedVersion(
  version: VersionRecord,
  properties: VersionProperties,
  at: UnixSeconds,
): Version {
  const isExportable = version.policies.length > 0
  if (properties.exportable !== undefined && properties.exportable !== isExportable) {
    return refuse(
      'key-exportable-fixed',
      'attributes.exportable',
      'Whether a key is exportable is said once, when it is made.',
    )
  }
  const policies = changedPolicies(version.policies, properties.policy, at)
  if (!policies.ok) return policies
  const expiresAt = properties.expiresAt ?? version.expiresAt
  return consistent({
    ...version,
    operations: properties.operations ?? version.operations,
    enabled: properties.enabled ?? version.enabled,
    notBefore: properties.notBefore ?? version.notBefore,
    expiresAt,
    updatedAt: at,
    policies: policies.value,
    tags: properties.tags ?? version.tags,
    // A new end is told of anew.
    notifiedAt: expiresAt === version.expiresAt ? version.notifiedAt : undefined,
  })
}

function changedPolicies(
  policies: readonly PolicyVersion[],
  policy: RequestedPolicy | undefined,
  at: UnixSeconds,
): Result<readonly PolicyVersion[], Problem<VersionCode>> {
  const current = policies.at(-1)
  if (policy === undefined) return ok(policies)
  if (current === undefined) return notExportable()
  const isSame = policy.text === current.text
  if (current.immutable) {
    return isSame && policy.immutable !== false ? ok(policies) : immutable()
  }
  const isToBeImmutable = policy.immutable === true
  if (isSame && !isToBeImmutable) return ok(policies)
  if (policies.length >= releaseLimits.policyVersionsMax) {
    return refuse(
      'release-policy-versions-too-many',
      'release_policy',
      `At most ${releaseLimits.policyVersionsMax} policies of one version of a key are kept: make a new version.`,
    )
  }
  const { number } = current
  return ok([
    ...policies,
    { number: number + 1, since: at, text: policy.text, immutable: isToBeImmutable },
  ])
}

function consistent(version: VersionRecord): Version {
  const { type, operations, notBefore, expiresAt } = version
  const possible: readonly KeyOperation[] = [...operationsOf[familyOf(type)], 'export']
  if (!operations.every((operation) => possible.includes(operation))) {
    return refuse(
      'key-operations-refused',
      'key_ops',
      `A key of type ${type} does ${operationsOf[familyOf(type)].join(', ')}.`,
    )
  }
  return notBefore !== undefined && expiresAt !== undefined && expiresAt <= notBefore
    ? refuse('key-times-refused', 'attributes.exp', 'A key ends after it begins.')
    : ok(version)
}

function notExportable(): Result<never, Problem<VersionCode>> {
  return refuse(
    'key-not-exportable',
    'release_policy',
    'A key that is not exportable has no release policy.',
  )
}

export function immutable(): Result<never, Problem<'release-policy-immutable'>> {
  return refuse(
    'release-policy-immutable',
    'release_policy',
    'The release policy of this key is immutable: no version may have another.',
  )
}
