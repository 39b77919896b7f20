import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Problem } from '@sealward/attestation/bytes'
import { utf8Of } from '@sealward/attestation/bytes'
import type { BinaryRequest, Field, RequestHead, ResponseHead } from '@sealward/attestation/channel'
import type { FastifyInstance, HTTPMethods } from 'fastify'
import { problemOf } from '../server/index.ts'
import { fieldsOf, headersOf } from './fields.ts'
import type { SealedHttpLimits } from './limits.ts'

/** An answer of the inner routes, of which the head is there. */
export interface InnerAnswer {
  readonly head: ResponseHead
  /** Where the routes say it beforehand. */
  readonly contentLength?: number
  readonly body: Readable
}

/**
 * Has the inner routes answer a request that is there as a whole.
 *
 * @param outer is what the answer goes out by: when it is closed early, the route is told.
 */
export async function answerInside(
  inner: FastifyInstance,
  { body, headers, method, path }: BinaryRequest,
  outer: ServerResponse,
): Promise<InnerAnswer> {
  const response = await inner.inject({
    method: method as InnerMethod,
    url: path,
    headers: headersOf(headers),
    payloadAsStream: true,
    ...(body.length === 0
      ? {}
      : { payload: Buffer.from(body.buffer, body.byteOffset, body.length) }),
  })
  const { res } = response.raw
  if (outer.closed) res.destroy()
  else outer.once('close', () => res.destroy())
  const fields = Object.entries(response.headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): Field => [name, String(one)]),
  )
  const { headers: given, statusCode: status } = response
  return innerAnswer(method, status, fields, given['content-length'], response.stream())
}

/** An answer as it goes on: without what speaks of a connection, and of no length where it has no body. */
export function innerAnswer(
  method: string,
  status: number,
  fields: readonly Field[],
  contentLength: unknown,
  body: Readable,
): InnerAnswer {
  const length = contentLength === undefined ? Number.NaN : Number(contentLength)
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304
  return {
    head: { status, headers: fieldsOf(fields) },
    ...(hasBody && Number.isSafeInteger(length) && { contentLength: length }),
    body,
  }
}

/** Why no route is asked about a request, if that is so. */
export function refusalInside(
  inner: FastifyInstance,
  { headers, method, path }: RequestHead,
  limits: SealedHttpLimits,
): RefusedInside | undefined {
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
export interface RefusedInside extends Omit<InnerAnswer, 'body'> {
  readonly body: Uint8Array
}

export function refusedInside(status: number, problem: Problem): RefusedInside {
  const body = utf8Of(JSON.stringify(problemOf(status, problem)))
  return {
    head: { status, headers: [['content-type', 'application/problem+json']] },
    contentLength: body.length,
    body,
  }
}

type InnerMethod = Exclude<HTTPMethods, Lowercase<string>> & 'GET'
