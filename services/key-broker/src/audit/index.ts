/**
 * What an auditor needs: entries, checkpoints, and whether a log is whole. Nothing here opens a database.
 *
 * @module
 */

export {
  type AuditKeyJwk,
  auditKeysOf,
  type Checkpoint,
  type CheckpointCode,
  verifyCheckpoint,
} from './checkpoint.ts'
export { type ReadEntry, readEntry } from './entry.ts'
export { limits as auditLimits } from './limits.ts'
export {
  createLogVerifier,
  type Finding,
  type FindingCode,
  type LogVerdict,
  type LogVerifier,
} from './verify-log.ts'
