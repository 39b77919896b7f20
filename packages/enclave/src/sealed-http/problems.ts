import type { Problem } from '@sealward/attestation/bytes'
import type { FastifyReply } from 'fastify'
import { sendProblem } from '../server/index.ts'

export type SealedHttpCode =
  | 'malformed'
  | 'truncated'
  | 'unsupported-suite'
  | 'replayed'
  | 'too-large'
  | 'unsupported-media-type'
  | 'stale-key'
  | 'overloaded'
  | 'replay-memory-unavailable'
  | 'evidence-unavailable'

/** Every code with which sealed routes refuse outside the channel, and its HTTP status. @see docs/spec/sealed-http.md */
export const sealedHttpProblems: Readonly<Record<SealedHttpCode, number>> = {
  malformed: 400,
  truncated: 400,
  'unsupported-suite': 400,
  replayed: 409,
  'too-large': 413,
  'unsupported-media-type': 415,
  'stale-key': 422,
  overloaded: 503,
  'replay-memory-unavailable': 503,
  'evidence-unavailable': 503,
}

export type SealedHttpProblem = Problem<SealedHttpCode>

/** Refuses outside the channel, where anybody reads it. */
export function sendRefusal(reply: FastifyReply, problem: SealedHttpProblem): FastifyReply {
  return sendProblem(reply, sealedHttpProblems[problem.code], problem)
}
