import { request as httpRequest, type IncomingMessage } from 'node:http'
import { duplexPair, pipeline, Readable } from 'node:stream'
import type { Field, RequestHead } from '@sealward/attestation/channel'
import type { FastifyInstance } from 'fastify'
import { type InnerAnswer, innerAnswer } from './answer-inside.ts'
import { headersOf } from './fields.ts'

/**
 * Has the inner routes answer a request whose body is still on its way, over a connection in memory: either side
 * waits for the other, and when one leaves the other is told.
 *
 * @param body fails where the request is not whole: the routes then get a request that was broken off.
 * @param signal ends both.
 * @throws what `body` failed with; what a route that gave no answer was ended by.
 */
export async function streamInside(
  inner: FastifyInstance,
  { headers, method, path }: RequestHead,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<InnerAnswer> {
  const pieces = body[Symbol.asyncIterator]()
  const first = await pieces.next()
  const request = httpRequest({
    createConnection: () => connectionTo(inner),
    method,
    path,
    headers: headersOf(headers),
    signal,
  })
  let failure: unknown
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    // Once there is an answer, whoever reads it learns of its failure.
    request.on('error', (error) => reject(failure ?? error))
  })
  if (first.done === true) request.end()
  else {
    const sent = whole(first.value, pieces, (error) => {
      failure = error
    })
    pipeline(Readable.from(sent, { objectMode: false }), request, () => {})
  }
  const response = await answered
  const { rawHeaders, statusCode = 500 } = response
  const length = response.headers['content-length']
  return innerAnswer(method, statusCode, pairsOf(rawHeaders), length, response)
}

async function* whole(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
  onFailure: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield first
    for (;;) {
      const { done, value } = await rest.next()
      if (done === true) return
      yield value
    }
  } catch (error) {
    onFailure(error)
    throw error
  } finally {
    await rest.return?.()
  }
}

/** The near end of a connection that the inner server takes as one that somebody made. */
function connectionTo(inner: FastifyInstance): ReturnType<typeof duplexPair>[0] {
  const [near, far] = duplexPair()
  inner.server.emit('connection', far)
  near.once('close', () => far.destroy())
  far.once('close', () => {
    // What was written until its end is still to be read.
    if (!far.writableFinished) near.destroy()
  })
  return near
}

function pairsOf(rawHeaders: readonly string[]): readonly Field[] {
  const pairs: Field[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    pairs.push([(rawHeaders[index] ?? '').toLowerCase(), rawHeaders[index + 1] ?? ''])
  }
  return pairs
}
