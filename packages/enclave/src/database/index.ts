/**
 * PostgreSQL, opened: waited for, brought to the newest schema, and away without breaking the program.
 *
 * @module
 */

export {
  createMasterKeyTable,
  holdMasterKeys,
  MasterKeyMissing,
  masterKeyIdsIn,
} from './hold-master-keys.ts'
export { inTransaction } from './in-transaction.ts'
export { type Migrations, type OpenDatabaseOptions, openDatabase } from './open-database.ts'
export { isUnavailable, reaching, type StoreUnavailable } from './reaching.ts'
