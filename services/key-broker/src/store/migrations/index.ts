import type { Migrations } from '@sealward/enclave/database'
import * as rootKey from './0001-root-key.ts'
import * as audit from './0002-audit.ts'
import * as keys from './0003-keys.ts'
import * as releaseCertificate from './0004-release-certificate.ts'
import * as anchors from './0005-anchors.ts'
import * as kbs from './0006-kbs.ts'
import * as breakGlass from './0007-break-glass.ts'
import * as pinnedPolicies from './0008-pinned-policies.ts'

/** Every change of the schema `broker`, in order. What has been released is never edited. */
export const migrations: Migrations = {
  '0001-root-key': rootKey,
  '0002-audit': audit,
  '0003-keys': keys,
  '0004-release-certificate': releaseCertificate,
  '0005-anchors': anchors,
  '0006-kbs': kbs,
  '0007-break-glass': breakGlass,
  '0008-pinned-policies': pinnedPolicies,
}
