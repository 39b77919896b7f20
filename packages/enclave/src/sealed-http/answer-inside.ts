import type { Problem } from '@sealward/attestation/bytes'
import { utf8Of } from '@sealward/attestation/bytes'
import type { BinaryRequest, BinaryResponse } from '@sealward/attestation/channel'
import type { FastifyInstance, HTTPMethods } from 'fastify'
import { problemOf } from '../server/index.ts'
import type { SealedHttpLimits } from './limits.ts'

/** Has the inner routes answer an opened request. */
export async function answerInside(
  inner: FastifyInstance,
  request: BinaryRequest,
  limits: SealedHttpLimits,
): Promise<BinaryResponse> {
  const { body, headers, method, path } = request
  if (path.length > limits.pathCharactersMax || headers.length > limits.headersMax) {
    return refusedInside(400, {
      code: 'malformed',
      at: 'path',
      detail: 'The inner request is not one that is taken here.',
    })
  }
  if (!isMethod(inner, method)) {
    return refusedInside(405, {
      code: 'method-not-allowed',
      at: 'method',
      detail: 'The method is not one that is taken here.',
    })
  }
  const response = await inner.inject({
    method,
    url: path,
    headers: Object.fromEntries(headers.filter(([name]) => !hopByHop.has(name))),
    ...(body.length === 0
      ? {}
      : { payload: Buffer.from(body.buffer, body.byteOffset, body.length) }),
  })
  return {
    status: response.statusCode,
    headers: Object.entries(response.headers).flatMap(([name, value]): [string, string][] =>
      value === undefined || hopByHop.has(name) || name === 'date'
        ? []
        : [[name, Array.isArray(value) ? value.join(', ') : String(value)]],
    ),
    body: response.rawPayload,
  }
}

/** A refusal that nobody but the client reads. */
export function refusedInside(status: number, problem: Problem): BinaryResponse {
  return {
    status,
    headers: [['content-type', 'application/problem+json']],
    body: utf8Of(JSON.stringify(problemOf(status, problem))),
  }
}

/** Fields that speak about a connection, which there is none of in here. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

type InnerMethod = Exclude<HTTPMethods, Lowercase<string>> & 'GET'

function isMethod(inner: FastifyInstance, method: string): method is InnerMethod {
  return inner.supportedMethods.includes(method)
}
