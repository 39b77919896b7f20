/**
 * What the schema `broker` holds. Each folder describes its own tables; here they meet.
 *
 * @module
 */

import type { AuditTables } from '../audit/audit-tables.ts'
import type { CustodyTables } from '../custody/custody-tables.ts'
import type { KeyTables } from '../keys/key-tables.ts'

export interface Tables extends CustodyTables, AuditTables, KeyTables {}
