/**
 * What the schema `attestation` holds. Each folder describes its own tables; here they meet.
 *
 * @module
 */

import type { AdministrationTables } from '../administration/administration-tables.ts'
import type { KeyTables } from '../keys/key-tables.ts'

export interface Tables extends KeyTables, AdministrationTables {}
