/**
 * Anchors: places outside a database that remember how far it has come.
 *
 * @module
 */

export {
  type Anchor,
  type AnchorCode,
  type AnchorProblem,
  type AnchorState,
  sameState,
} from './anchor.ts'
export { type BrokerAnchor, type BrokerAnchorOptions, createBrokerAnchor } from './broker-anchor.ts'
export { openFileAnchor } from './file-anchor.ts'
export { restoreStatementSeconds } from './limits.ts'
export { isLoss, newLoss } from './lost-anchor.ts'
export { readAnchorState } from './read-state.ts'
export {
  type RestoreStatement,
  type RestoreStatementProblem,
  restorerOf,
  signRestoreStatement,
  verifyRestoreStatement,
} from './restore-statement.ts'
