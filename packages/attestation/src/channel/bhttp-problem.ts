import type { Problem } from '../bytes/index.ts'

/** What is wrong with a message in binary HTTP. RFC 9292. */
export type BinaryHttpCode =
  | 'bhttp-truncated'
  | 'bhttp-trailing-bytes'
  | 'bhttp-framing'
  | 'bhttp-field'
  | 'bhttp-control'
  | 'bhttp-status'
  | 'bhttp-too-large'

export type BinaryHttpProblem = Problem<BinaryHttpCode>
