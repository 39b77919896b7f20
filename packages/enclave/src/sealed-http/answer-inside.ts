import type { Problem } from '@sealward/attestation/bytes'
import { utf8Of } from '@sealward/attestation/bytes'
import type { BinaryRequest, BinaryResponse, RequestHead } from '@sealward/attestation/channel'
import type { FastifyInstance } from 'fastify'
import { problemOf } from '../server/index.ts'
import { askInside } from './ask-inside.ts'
import { gathered } from './body.ts'
import type { SealedHttpLimits } from './limits.ts'

/** Has the inner routes answer an opened request. */
export async function answerInside(
  inner: FastifyInstance,
  request: BinaryRequest,
  signal: AbortSignal,
): Promise<BinaryResponse> {
  const { head, body } = await askInside(inner, request, request.body, signal)
  return { ...head, body: await gathered(body) }
}

/** Why no route is asked about a request, if that is so. */
export function refusalInside(
  inner: FastifyInstance,
  { headers, method, path }: RequestHead,
  limits: SealedHttpLimits,
): BinaryResponse | undefined {
  if (path.length > limits.pathCharactersMax || headers.length > limits.headersMax) {
    return refusedInside(400, {
      code: 'malformed',
      at: 'path',
      detail: 'The inner request is not one that is taken here.',
    })
  }
  if (inner.supportedMethods.includes(method)) return undefined
  return refusedInside(405, {
    code: 'method-not-allowed',
    at: 'method',
    detail: 'The method is not one that is taken here.',
  })
}

/** A refusal that nobody but the client reads. */
export function refusedInside(status: number, problem: Problem): BinaryResponse {
  return {
    status,
    headers: [['content-type', 'application/problem+json']],
    body: utf8Of(JSON.stringify(problemOf(status, problem))),
  }
}
