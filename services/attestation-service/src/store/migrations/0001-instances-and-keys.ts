import { createMasterKeyTable } from '@sealward/enclave/database'
import { type Kysely, sql } from 'kysely'

/** Instances by name, and their signing keys, sealed. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table attestation.instance (
    name text primary key,
    issuer text not null unique
  )`.execute(database)
  await sql`create table attestation.signing_key (
    instance text not null references attestation.instance,
    kid text not null,
    sealed bytea not null,
    primary key (instance, kid)
  )`.execute(database)
  await createMasterKeyTable(database, 'attestation')
}
