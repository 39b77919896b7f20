import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { RequestHead } from '@sealward/attestation/channel'
import { headersOf } from './fields.ts'

/**
 * An opened request as a server would have made it of a connection, without the connection: its content is read when
 * the route reads it, and no sooner.
 */
export class InnerRequest extends IncomingMessage {
  readonly #pieces: AsyncIterator<Uint8Array> | undefined
  readonly #onFailure: (error: unknown) => void
  #isGivenUp = false

  /** @param onFailure is told what reading `body` failed with; the route only learns that the request broke off. */
  constructor(
    head: RequestHead,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    onFailure: (error: unknown) => void,
  ) {
    super(nobody())
    this.#onFailure = onFailure
    this.method = head.method
    this.url = head.path
    this.httpVersion = '1.1'
    this.httpVersionMajor = 1
    this.httpVersionMinor = 1
    this.headers = { host: 'localhost', ...headersOf(head.headers) }
    this.rawHeaders = head.headers.flat()
    if (body instanceof Uint8Array) {
      if (body.length > 0) {
        this.headers['content-length'] = `${body.length}`
        this.push(Buffer.from(body.buffer, body.byteOffset, body.length))
      }
      this.complete = true
      this.push(null)
    } else {
      this.headers['transfer-encoding'] = 'chunked'
      this.#pieces = body[Symbol.asyncIterator]()
    }
  }

  /** Once it has been answered, nobody waits for what is still to come of it. */
  giveUp(): void {
    if (this.complete) return
    this.#isGivenUp = true
    void this.#pieces?.return?.()
  }

  override _read(size: number): void {
    // Until it has been read from once, an IncomingMessage asks for no more by itself.
    super._read(size)
    this.#pieces?.next().then(
      ({ done, value }) => {
        if (done !== true) return this.push(value)
        if (this.#isGivenUp) return this.destroy()
        this.complete = true
        return this.push(null)
      },
      (error: unknown) => {
        this.#onFailure(error)
        this.destroy()
      },
    )
  }

  override _destroy(_error: Error | null, callback: (error?: Error | null) => void): void {
    void this.#pieces?.return?.()
    const isWhole = this.complete && this.readableEnded
    if (!isWhole) {
      this.aborted = true
      this.emit('aborted')
    }
    // Whoever listens learns that it is not whole; nobody else is troubled.
    callback(!isWhole && this.listenerCount('error') > 0 ? new Error('aborted') : null)
  }
}

/** The far end of a connection that there is none of. */
function nobody(): Socket {
  const far: unknown = new Duplex({
    read() {},
    write(_chunk, _encoding, callback) {
      callback()
    },
  })
  return far as Socket
}
