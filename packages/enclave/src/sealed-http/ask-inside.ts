import type { RequestHead } from '@sealward/attestation/channel'
import type { FastifyInstance } from 'fastify'
import { InnerRequest } from './inner-request.ts'
import { type InnerAnswer, InnerResponse } from './inner-response.ts'

/**
 * Has the inner routes answer an opened request, whose body may still be on its way: either side waits for the other,
 * and when one leaves the other is told.
 *
 * @param body fails where the request is not whole: the routes then get a request that was broken off.
 * @param signal ends both.
 * @throws what `body` failed with; what a route that gave no answer was ended by.
 */
export async function askInside(
  inner: FastifyInstance,
  head: RequestHead,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<InnerAnswer> {
  const content = body instanceof Uint8Array ? body : await begun(body)
  const request = new InnerRequest(head, content, (error) =>
    response.destroy(error instanceof Error ? error : new Error('broken off', { cause: error })),
  )
  const response = new InnerResponse(request)
  const end = (): void => {
    request.socket.destroy()
    request.destroy()
    response.destroy()
  }
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, { once: true })
  response.once('close', () => request.giveUp())
  inner.routing(request, response)
  return response.answered
}

/** A body that has begun; one that has ended before it began is known to be empty. */
async function begun(
  body: AsyncIterable<Uint8Array>,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  const pieces = body[Symbol.asyncIterator]()
  const first = await pieces.next()
  if (first.done === true) return new Uint8Array()
  let next: IteratorResult<Uint8Array> | undefined = first
  // Not a generator: one that nobody has read from yet would not pass on that it is given up.
  const whole: AsyncIterator<Uint8Array> = {
    async next() {
      const due = next
      next = undefined
      return due ?? pieces.next()
    },
    async return() {
      next = undefined
      await pieces.return?.()
      return { done: true, value: undefined }
    },
  }
  return { [Symbol.asyncIterator]: () => whole }
}
