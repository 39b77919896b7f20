import type { Problem } from '@sealward/attestation/bytes'
import { utf8Of } from '@sealward/attestation/bytes'
import type {
  BinaryRequest,
  BinaryResponse,
  Field,
  RequestHead,
} from '@sealward/attestation/channel'
import type { FastifyInstance, HTTPMethods } from 'fastify'
import { problemOf } from '../server/index.ts'
import { fieldsOf, headersOf } from './fields.ts'
import type { SealedHttpLimits } from './limits.ts'

/** Has the inner routes answer an opened request. */
export async function answerInside(
  inner: FastifyInstance,
  request: BinaryRequest,
): Promise<BinaryResponse> {
  const { body, headers, method, path } = request
  const response = await inner.inject({
    method: method as InnerMethod,
    url: path,
    headers: headersOf(headers),
    ...(body.length === 0
      ? {}
      : { payload: Buffer.from(body.buffer, body.byteOffset, body.length) }),
  })
  const answered = Object.entries(response.headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): Field => [name, String(one)]),
  )
  return {
    status: response.statusCode,
    headers: fieldsOf(answered),
    body: response.rawPayload,
  }
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

type InnerMethod = Exclude<HTTPMethods, Lowercase<string>> & 'GET'
