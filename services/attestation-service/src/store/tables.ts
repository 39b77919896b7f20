/**
 * What the schema `attestation` holds. Each folder describes its own tables; here they meet.
 *
 * @module
 */

import type { AdministrationTables } from '../administration/administration-tables.ts'
import type { AssertionTables } from '../exchange/assertion-tables.ts'
import type { KeyTables } from '../keys/key-tables.ts'
import type { DenyTables } from '../revocation/deny-tables.ts'

export interface Tables extends KeyTables, AdministrationTables, AssertionTables, DenyTables {}
