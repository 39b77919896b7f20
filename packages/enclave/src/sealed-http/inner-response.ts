import { type IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { PassThrough, type Readable } from 'node:stream'
import type { Field, ResponseHead } from '@sealward/attestation/channel'
import { fieldsOf } from './fields.ts'

/** An answer of the inner routes, of which the head is there. */
export interface InnerAnswer {
  readonly head: ResponseHead
  /** Where the routes say it beforehand. */
  readonly contentLength?: number
  /** All of it where it was given in one go; else as it comes. */
  readonly body: Uint8Array | Readable
}

/**
 * What a route writes its answer to, as to a connection, without the connection. Whoever writes faster than is read is
 * made to wait; when one side leaves, the other is told.
 */
export class InnerResponse extends ServerResponse {
  readonly answered: Promise<InnerAnswer>
  readonly #settle: {
    readonly resolve: (answer: InnerAnswer) => void
    readonly reject: (error: unknown) => void
  }
  readonly #isHead: boolean
  #body: PassThrough | undefined

  constructor(request: IncomingMessage) {
    super(request)
    const { promise, ...settle } = Promise.withResolvers<InnerAnswer>()
    this.answered = promise
    this.#settle = settle
    this.#isHead = request.method === 'HEAD'
  }

  override writeHead(status: number, ...rest: unknown[]): this {
    const given = rest.at(-1)
    if (Array.isArray(given)) {
      const pairs: readonly string[] = given.flat()
      for (let at = 0; at + 1 < pairs.length; at += 2) {
        this.appendHeader(pairs[at] ?? '', pairs[at + 1] ?? '')
      }
    } else if (typeof given === 'object' && given !== null) {
      for (const [name, value] of Object.entries(given as OutgoingHttpHeaders)) {
        if (value !== undefined) this.setHeader(name, value)
      }
    }
    return super.writeHead(status)
  }

  override flushHeaders(): void {
    this.#stream()
  }

  override write(chunk: unknown, ...rest: unknown[]): boolean {
    const body = this.#stream()
    if (this.#hasBody()) return Reflect.apply(body.write, body, [chunk, ...rest])
    callbackIn(rest)?.()
    return true
  }

  override end(...given: unknown[]): this {
    if (this.finished || this.destroyed) return this
    const callback = callbackIn(given)
    const [chunk, encoding] = given.filter((one) => typeof one !== 'function')
    const bytes = bytesOf(chunk, encoding)
    this.#writeHead()
    this.finished = true
    if (this.#body === undefined) {
      this.#settle.resolve({ ...this.#said(), body: this.#hasBody() ? bytes : nothing })
      process.nextTick(() => this.#finish(callback))
    } else {
      this.#body.end(this.#hasBody() ? bytes : nothing, () => this.#finish(callback))
    }
    return this
  }

  override destroy(error?: Error): this {
    if (this.destroyed) return this
    this.destroyed = true
    const reason = error ?? new Error('the route gave no answer, or half of one')
    this.#settle.reject(reason)
    if (this.#body?.writableFinished === false) this.#body.destroy(reason)
    process.nextTick(() => this.emit('close'))
    return this
  }

  /** From the first piece on that is not the last, the answer is one that comes. */
  #stream(): PassThrough {
    if (this.#body !== undefined) return this.#body
    this.#writeHead()
    const body = new PassThrough()
    body.on('drain', () => this.emit('drain'))
    // Its reader has left, or has read all.
    body.once('close', () => this.destroy())
    body.on('error', () => {})
    this.#body = body
    this.#settle.resolve({ ...this.#said(), body })
    return body
  }

  #writeHead(): void {
    if (!this.headersSent) this.writeHead(this.statusCode)
  }

  #finish(callback: (() => void) | undefined): void {
    if (this.destroyed) return
    this.emit('finish')
    callback?.()
    if (this.#body === undefined) this.destroy()
  }

  #hasBody(): boolean {
    return !this.#isHead && this.statusCode !== 204 && this.statusCode !== 304
  }

  #said(): Omit<InnerAnswer, 'body'> {
    const pairs = Object.entries(this.getHeaders()).flatMap(([name, value]) =>
      [value ?? []].flat().map((one): Field => [name, String(one)]),
    )
    const length = Number(this.getHeader('content-length') ?? Number.NaN)
    return {
      head: { status: this.statusCode, headers: fieldsOf(pairs) },
      ...(this.#hasBody() && Number.isSafeInteger(length) && { contentLength: length }),
    }
  }
}

const nothing = new Uint8Array()

function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk !== 'string') return nothing
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
}

function callbackIn(given: readonly unknown[]): (() => void) | undefined {
  return given.find((one): one is () => void => typeof one === 'function')
}
