/**
 * What the schema `broker` holds. Each folder describes its own tables; here they meet.
 *
 * @module
 */

import type { AnchorTables } from '../anchors/anchor-tables.ts'
import type { AuditTables } from '../audit/audit-tables.ts'
import type { CustodyTables } from '../custody/custody-tables.ts'
import type { KbsTables } from '../kbs/kbs-tables.ts'
import type { KeyTables } from '../keys/key-tables.ts'
import type { ReleaseTables } from '../release/release-tables.ts'

export interface Tables
  extends CustodyTables,
    AuditTables,
    KeyTables,
    ReleaseTables,
    AnchorTables,
    KbsTables {}
