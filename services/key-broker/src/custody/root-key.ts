import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { MasterKey } from '@sealward/enclave/sealing'
import type { Random } from '@sealward/enclave/server'
import type { Database } from '../store/open-store.ts'
import type { KeyEncryption } from './key-encryption.ts'

/**
 * The key under which everything in the database is sealed; drawn the first time, and the same for all replicas.
 *
 * @returns the key; `another-master-key` where another key-encryption key wrapped it;
 *   `key-encryption-unavailable`.
 */
export async function openRootKey(
  database: Database,
  keyEncryption: KeyEncryption,
  random: Random,
): Promise<Result<MasterKey, Problem>> {
  const wrapped = Buffer.from(await keyEncryption.wrap(random.bytes(keyBytes), context))
  await database
    .insertInto('broker.root_key')
    .values({ only: true, encryption_key_id: keyEncryption.id, wrapped })
    .onConflict((conflict) => conflict.column('only').doNothing())
    .execute()
  const row = await database.selectFrom('broker.root_key').selectAll().executeTakeFirstOrThrow()
  if (row.encryption_key_id !== keyEncryption.id) return anotherKey()
  const opened = await keyEncryption.unwrap(row.wrapped, context)
  if (!opened.ok) {
    return opened.problem.code === 'key-encryption-refused' ? anotherKey() : opened
  }
  return opened.value.length === keyBytes ? ok(opened.value as MasterKey) : anotherKey()
}

const keyBytes = 32
const context = 'root key'

function anotherKey(): Result<never, Problem<'another-master-key'>> {
  return refuse(
    'another-master-key',
    'keyEncryption',
    'This database was sealed under another key. Give every replica the same key-encryption key.',
  )
}
