import type { PeerFailure } from '../peers/index.ts'

/** Leaves a connector or a connection, of undici's or of others, which know no other way to say what went wrong. */
export class ConnectFailure extends Error {
  override readonly name = 'ConnectFailure'
  readonly code: string
  readonly problem: PeerFailure
  constructor(problem: PeerFailure) {
    super(problem.detail)
    this.code = problem.code
    this.problem = problem
  }
}
