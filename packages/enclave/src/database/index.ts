/**
 * PostgreSQL, opened: waited for, brought to the newest schema, and away without breaking the program.
 *
 * @module
 */

export { createMasterKeyTable, holdMasterKey } from './hold-master-key.ts'
export { inTransaction } from './in-transaction.ts'
export { type Migrations, type OpenDatabaseOptions, openDatabase } from './open-database.ts'
export { reaching, type StoreUnavailable } from './reaching.ts'
