import type { Migrations } from '@sealward/enclave/database'
import * as instancesAndKeys from './0001-instances-and-keys.ts'
import * as policies from './0002-policies.ts'
import * as tokens from './0003-tokens.ts'

/** Every change of the schema `attestation`, in order. What has been released is never edited. */
export const migrations: Migrations = {
  '0001-instances-and-keys': instancesAndKeys,
  '0002-policies': policies,
  '0003-tokens': tokens,
}
