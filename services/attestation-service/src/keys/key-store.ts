/**
 * Signing keys in the database: sealed whole, so that whoever holds the database reads none and adds none.
 *
 * @module
 */

import {
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Sealer } from '@sealward/enclave/sealing'
import { sql } from 'kysely'
import { limits } from '../limits.ts'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { KeyTimes } from './key-timeline.ts'
import type { KeyMaterial } from './signing-key.ts'

export interface KeyRecord extends KeyTimes, KeyMaterial {}

/** A row and the key in it. */
export interface StoredKey {
  readonly kid: string
  readonly record: KeyRecord
}

/** `signing-key-refused`: a row was changed, moved, or sealed by another. */
export type KeyStoreProblem = Problem<'signing-key-refused'>

/** Reads all keys of an instance. */
export async function readKeys(
  database: Database | DatabaseTransaction,
  sealer: Sealer,
  instance: string,
): Promise<Result<readonly StoredKey[], KeyStoreProblem>> {
  const rows = await database
    .selectFrom('attestation.signing_key')
    .select(['kid', 'sealed'])
    .where('instance', '=', instance)
    .limit(limits.signingKeysMax)
    .execute()
  const keys: StoredKey[] = []
  for (const { kid, sealed } of rows) {
    const opened = sealer.open(addressOf(instance, kid), sealed)
    const record = opened.ok ? parseRecord(opened.value) : undefined
    if (record === undefined) {
      return refuse('signing-key-refused', 'sealed', 'A stored signing key was changed or moved.')
    }
    keys.push({ kid, record })
  }
  return ok(keys)
}

export async function writeKey(
  database: Database | DatabaseTransaction,
  sealer: Sealer,
  instance: string,
  { kid, record }: StoredKey,
): Promise<void> {
  const sealed = Buffer.from(sealer.seal(addressOf(instance, kid), utf8Of(JSON.stringify(record))))
  await database.insertInto('attestation.signing_key').values({ instance, kid, sealed }).execute()
}

export async function deleteKey(
  database: Database | DatabaseTransaction,
  instance: string,
  kid: string,
): Promise<void> {
  await database
    .deleteFrom('attestation.signing_key')
    .where('instance', '=', instance)
    .where('kid', '=', kid)
    .execute()
}

/** Until the transaction ends, no other replica changes the keys of this instance. */
export async function lockKeys(transaction: DatabaseTransaction, instance: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('sealward.attestation.signing-key'), hashtext(${instance}))`.execute(
    transaction,
  )
}

function addressOf(instance: string, kid: string) {
  return { type: 'signing-key', id: JSON.stringify([instance, kid]), version: 1 }
}

function parseRecord(bytes: Uint8Array): KeyRecord | undefined {
  const json = jsonOf(bytes, { bytesMax: limits.signingKeyBytesMax, depthMax: 1 })
  if (!json.ok) return undefined
  const record = reading<KeyRecord>(json.value, '', (top) =>
    top.object('refused', (fields) => ({
      algorithm: fields.required('algorithm').oneOf(['RS256', 'ES256']),
      publishedAt: fields.required('publishedAt').integer(0, Number.MAX_SAFE_INTEGER),
      signsFrom: fields.required('signsFrom').integer(0, Number.MAX_SAFE_INTEGER),
      privateKey: fields.required('privateKey').string(limits.signingKeyBytesMax),
      certificate: fields.required('certificate').string(limits.signingKeyBytesMax),
    })),
  )
  return record.ok ? record.value : undefined
}
