import { holdMasterKeys, masterKeyIdsIn } from '@sealward/enclave/database'
import type { MasterKeys } from '@sealward/enclave/sealing'
import { type Kysely, sql } from 'kysely'
import type { Database } from './data-keys.ts'
import type { Tables } from './schema.ts'

/** The master keys that stored data needs, as the database names them, and the one that new data gets. */
export interface MasterKeysInUse {
  /**
   * Names the current key where it is new, and reads which there are.
   *
   * @throws MasterKeyMissing
   */
  refresh(): Promise<void>
  /** The same, where the current key is another one than before. To be done before a transaction: it needs a connection. */
  ready(): Promise<void>
  /**
   * Keeps the current key from being retired until the transaction ends.
   *
   * @returns `false` when it is not named: it has been retired, and whoever has it is behind; or it is only now current.
   */
  hold(db: Database): Promise<boolean>
  /** Whether something under this key is to be moved to the current one: keys that came later stay. */
  isOlder(keyId: string | undefined): boolean
}

export function masterKeysInUse(db: Kysely<Tables>, keys: MasterKeys): MasterKeysInUse {
  /** In the order in which they came into use. */
  let named: readonly string[] = []
  /** The key that was current when it was named last. */
  let heldId: string | undefined
  const refresh = async (): Promise<void> => {
    const { keyId } = keys.current
    // A key that was named before and is not any more has been retired: it is not named again.
    if (heldId !== keyId) await holdMasterKeys(db, 'sealward', keys)
    heldId = keyId
    named = await masterKeyIdsIn(db, 'sealward')
  }
  let readying: Promise<void> | undefined
  return {
    refresh,
    async ready() {
      if (heldId === keys.current.keyId) return
      readying ??= refresh().finally(() => {
        readying = undefined
      })
      await readying
    },
    async hold(transaction) {
      const { rows } = await sql`select from sealward.master_key
        where key_id = ${keys.current.keyId} for key share`.execute(transaction)
      return rows.length === 1
    },
    isOlder(keyId) {
      const [at, current] = [named.indexOf(keyId ?? ''), named.indexOf(keys.current.keyId)]
      return at >= 0 && at < current
    },
  }
}
