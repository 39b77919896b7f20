import type { Problem } from '@sealward/attestation/bytes'
import type { FastifyReply } from 'fastify'

/** RFC 9457: `type` is `urn:sealward:problem:<code>`. */
export interface ProblemDocument {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly at: string
}

/** A {@link Problem} as RFC 9457 has it. */
export function problemOf(status: number, problem: Problem): ProblemDocument {
  return {
    type: `urn:sealward:problem:${problem.code}`,
    title: problem.code.replaceAll('-', ' '),
    status,
    detail: problem.detail,
    at: problem.at,
  }
}

/** Answers with a problem as `application/problem+json`. */
export function sendProblem(reply: FastifyReply, status: number, problem: Problem): FastifyReply {
  return reply
    .code(status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(JSON.stringify(problemOf(status, problem)))
}
