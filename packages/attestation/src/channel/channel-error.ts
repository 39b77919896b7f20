import type { Problem } from '../bytes/index.ts'
import type { BinaryHttpCode } from './bhttp-problem.ts'
import type { OhttpCode } from './encapsulation.ts'

/**
 * `unavailable`: nothing came back, or no more of it. `unsealed-response`: what came back was not sealed, and is not
 * believed. `other-origin`: the request was for somebody else.
 */
export type ChannelCode =
  | OhttpCode
  | BinaryHttpCode
  | 'unavailable'
  | 'unsealed-response'
  | 'other-origin'

export type ChannelProblem = Problem<ChannelCode>

/**
 * How a {@link Problem} leaves what has no other way out: a stream that goes on no further, a `fetch` that
 * has no response.
 */
export class ChannelError extends Error {
  readonly problem: ChannelProblem
  constructor(problem: ChannelProblem, options?: ErrorOptions) {
    super(problem.detail, options)
    this.name = 'ChannelError'
    this.problem = problem
  }
}
