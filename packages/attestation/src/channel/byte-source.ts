/**
 * Bytes that come piece by piece. Whoever takes them says when: nothing is read ahead.
 *
 * @module
 */

/** A whole byte string, or its pieces. Streams of the web and of Node are sources. */
export type ByteSource =
  | Uint8Array
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>

/** The pieces of a source, empty ones left out. Giving up early gives up the source. */
export async function* piecesOf(source: ByteSource): AsyncGenerator<Uint8Array, void, void> {
  if (source instanceof Uint8Array) {
    if (source.length > 0) yield source
    return
  }
  const pieces = Symbol.asyncIterator in source || Symbol.iterator in source
  // Not every browser can iterate a stream.
  for await (const piece of pieces ? (source as AsyncIterable<Uint8Array>) : readingOf(source)) {
    if (piece.length > 0) yield piece
  }
}

async function* readingOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  let isDone = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      isDone = done
      if (done) return
      yield value
    }
  } catch (error) {
    isDone = true
    throw error
  } finally {
    if (!isDone) await reader.cancel()
    reader.releaseLock()
  }
}

/** A stream of the pieces, which reads nothing before it is read. */
export function streamOf(source: ByteSource): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pieces = piecesOf(source)
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { done, value } = await pieces.next()
        if (done) controller.close()
        else controller.enqueue(value as Uint8Array<ArrayBuffer>)
      },
      async cancel() {
        await pieces.return()
      },
    },
    { highWaterMark: 0 },
  )
}
