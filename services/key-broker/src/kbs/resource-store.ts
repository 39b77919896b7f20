/**
 * Resources in the database: each record and each version sealed, so that whoever holds the database reads no resource and
 * changes no policy.
 *
 * @module
 */

import {
  jsonOf,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Sealer } from '@sealward/enclave/sealing'
import { sql } from 'kysely'
import * as z from 'zod'
import type { PolicyVersion } from '../keys/key-record.ts'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { everyResource, ResourcePath } from './resource-path.ts'

/** A resource, or every one of them. */
export type PolicyPlace = ResourcePath | typeof everyResource

export interface ResourceRecord {
  /** What it may be released for; the last one counts. */
  readonly policies: readonly PolicyVersion[]
  /** The last is the current one. */
  readonly versions: readonly { readonly number: number; readonly createdAt: UnixSeconds }[]
}

export interface StoredResource {
  readonly revision: number
  readonly record: ResourceRecord
}

export type ResourceStoreProblem = Problem<'record-refused'>

export interface ResourceStore {
  /** `undefined` where there is none. */
  read(
    from: Database,
    place: PolicyPlace,
  ): Promise<Result<StoredResource | undefined, ResourceStoreProblem>>
  readVersion(
    from: Database,
    path: ResourcePath,
    number: number,
  ): Promise<Result<Uint8Array, ResourceStoreProblem>>
  /** @param content - of the record's last version, where that is new. */
  write(
    into: DatabaseTransaction,
    place: PolicyPlace,
    before: StoredResource | undefined,
    record: ResourceRecord,
    content?: Uint8Array,
  ): Promise<void>
}

export function createResourceStore(sealer: Sealer): ResourceStore {
  return {
    async read(from, place) {
      const row = await from
        .selectFrom('broker.kbs_resource')
        .select(['revision', 'sealed'])
        .where('path', '=', place)
        .executeTakeFirst()
      if (row === undefined) return ok(undefined)
      const opened = sealer.open(recordAddress(place, row.revision), row.sealed)
      const record = opened.ok ? decode(opened.value) : undefined
      return record === undefined ? changed() : ok({ revision: row.revision, record })
    },
    async readVersion(from, path, number) {
      const row = await from
        .selectFrom('broker.kbs_resource_version')
        .select('sealed')
        .where('path', '=', path)
        .where('number', '=', number)
        .executeTakeFirst()
      const opened = row && sealer.open(versionAddress(path, number), row.sealed)
      return opened?.ok === true ? ok(opened.value) : changed()
    },
    async write(into, place, before, record, content) {
      const revision = (before?.revision ?? 0) + 1
      const row = {
        revision,
        sealed: Buffer.from(
          sealer.seal(recordAddress(place, revision), utf8Of(JSON.stringify(record))),
        ),
      }
      await into
        .insertInto('broker.kbs_resource')
        .values({ path: place, ...row })
        .onConflict((conflict) => conflict.column('path').doUpdateSet(row))
        .execute()
      const number = record.versions.at(-1)?.number
      if (content === undefined || number === undefined) return
      const sealed = Buffer.from(sealer.seal(versionAddress(place, number), content))
      await into
        .insertInto('broker.kbs_resource_version')
        .values({ path: place, number, sealed })
        .execute()
    },
  }
}

/** Makes whoever changes the same resource wait for the end of this transaction. */
export async function lockResource(
  transaction: DatabaseTransaction,
  place: PolicyPlace,
): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`broker.kbs ${place}`}, 0))`.execute(
    transaction,
  )
}

function recordAddress(place: PolicyPlace, revision: number) {
  return { type: 'kbs-resource', id: place, version: revision }
}

function versionAddress(path: string, number: number) {
  return { type: 'kbs-resource-version', id: path, version: number }
}

const whole = z.int().min(0)

const resourceRecord: z.ZodType<ResourceRecord> = z.strictObject({
  policies: z.array(
    z.strictObject({ number: whole, since: whole, text: z.string(), immutable: z.boolean() }),
  ),
  versions: z.array(z.strictObject({ number: whole, createdAt: whole })),
})

/** `undefined` for what is no record: it was sealed by another program. */
function decode(bytes: Uint8Array): ResourceRecord | undefined {
  const json = jsonOf(bytes, { bytesMax: bytes.length, depthMax: 4 })
  return json.ok ? resourceRecord.safeParse(json.value).data : undefined
}

function changed(): Result<never, ResourceStoreProblem> {
  return refuse(
    'record-refused',
    'database',
    'A resource in the database is not what was put there. Nothing of it is used.',
  )
}
