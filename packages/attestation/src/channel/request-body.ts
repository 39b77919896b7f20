import { utf8Of } from '../bytes/index.ts'
import type { ByteSource } from './byte-source.ts'

/** The content of a request, as it is sent once. */
export interface OpenBody {
  readonly source: ByteSource
  /** Bytes of it, where that is known before it is read. */
  readonly length: number | undefined
  /** What `fetch` would say it is, for whoever says nothing. */
  readonly contentType: string | undefined
}

/** The content of a request. */
export interface RequestBody {
  /** Whether it can be opened more than once. */
  readonly canBeSentAgain: boolean
  open(): OpenBody
}

/** Everything that a body can be made of: what `fetch` takes, and any other source of bytes. */
export type SealedBody = BodyInit | ByteSource

/** A body as `fetch` would make one of it. Nothing of it is read yet. */
export function requestBodyOf(body: SealedBody | null | undefined): RequestBody {
  if (body === null || body === undefined) return again(() => opened(new Uint8Array()))
  if (typeof body === 'string') return again(() => opened(utf8Of(body), 'text/plain;charset=UTF-8'))
  if (body instanceof URLSearchParams) {
    const type = 'application/x-www-form-urlencoded;charset=UTF-8'
    const bytes = utf8Of(body.toString())
    return again(() => opened(bytes, type))
  }
  if (body instanceof Blob) {
    const [length, contentType] = [body.size, body.type === '' ? undefined : body.type]
    return again(() => ({ source: body.stream(), length, contentType }))
  }
  if (body instanceof FormData) {
    // Its boundary is drawn anew each time.
    return again(() => {
      const { body: source, headers } = new Response(body)
      const contentType = headers.get('content-type') ?? undefined
      return { source: source ?? new Uint8Array(), length: undefined, contentType }
    })
  }
  if (ArrayBuffer.isView(body)) {
    const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice()
    return again(() => opened(bytes))
  }
  if (body instanceof ArrayBuffer) {
    const bytes = new Uint8Array(body.slice(0))
    return again(() => opened(bytes))
  }
  return {
    canBeSentAgain: false,
    open: () => ({ source: body as ByteSource, length: undefined, contentType: undefined }),
  }
}

function again(open: () => OpenBody): RequestBody {
  return { canBeSentAgain: true, open }
}

function opened(bytes: Uint8Array, contentType?: string): OpenBody {
  return { source: bytes, length: bytes.length, contentType }
}
