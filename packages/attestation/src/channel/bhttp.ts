import type { Problem, Result } from '../bytes/index.ts'

/** One header field: lower-case name, value. */
export type Field = readonly [name: string, value: string]

/** A request as binary HTTP carries it. */
export interface BinaryRequest {
  readonly method: string
  readonly scheme: string
  readonly authority: string
  /** Path and query. */
  readonly path: string
  readonly headers: readonly Field[]
  readonly body: Uint8Array
}

/** A final response as binary HTTP carries it. */
export interface BinaryResponse {
  readonly status: number
  readonly headers: readonly Field[]
  readonly body: Uint8Array
}

export type BinaryHttpCode =
  | 'bhttp-truncated'
  | 'bhttp-trailing-bytes'
  | 'bhttp-framing'
  | 'bhttp-field'
  | 'bhttp-control'
  | 'bhttp-status'
  | 'bhttp-too-large'

export type BinaryHttpProblem = Problem<BinaryHttpCode>

export function encodeRequest(_request: BinaryRequest): Uint8Array {
  throw new Error('in progress')
}
export function decodeRequest(_message: Uint8Array): Result<BinaryRequest, BinaryHttpProblem> {
  throw new Error('in progress')
}
export function encodeResponse(_response: BinaryResponse): Uint8Array {
  throw new Error('in progress')
}
export function decodeResponse(_message: Uint8Array): Result<BinaryResponse, BinaryHttpProblem> {
  throw new Error('in progress')
}
