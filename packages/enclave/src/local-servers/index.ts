/**
 * Servers that a program of ours starts for itself on this machine, and ends again. Not for what runs in a TEE.
 *
 * @module
 */

export { completed, end, freePort, isAlive, isRoot, spawnUnprivileged } from './children.ts'
export { LocalProblem } from './local-problem.ts'
export { type Postgres, runningPostgres, startPostgres } from './start-postgres.ts'
export { takeLock } from './take-lock.ts'
