import { type SealedTransport, streamOf } from '@sealward/attestation/channel'
import { requestTimeoutMs, sealedResponseBytesMax } from '../limits.ts'

/** Why no answer came at all. The request may or may not have arrived. */
export class NoAnswer extends Error {
  readonly reason: 'aborted' | 'network' | 'timeout' | 'too-large'
  constructor(reason: NoAnswer['reason']) {
    super(reason)
    this.reason = reason
  }
}

/**
 * Carries sealed messages by XMLHttpRequest, the one way in a browser to learn how much of a body has
 * been sent. A long message is gathered first, sealed, in a Blob.
 *
 * @param url of the platform's sealed endpoint.
 */
export function browserTransport(url: string): SealedTransport {
  return async ({ body, mediaType }, { onUploadProgress, signal }) => {
    const whole =
      body instanceof Uint8Array
        ? (body as Uint8Array<ArrayBuffer>)
        : await new Response(streamOf(body)).blob()
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest()
      const fail = (reason: NoAnswer['reason']) => (): void => reject(new NoAnswer(reason))
      request.open('POST', url)
      request.responseType = 'arraybuffer'
      request.timeout = requestTimeoutMs
      request.setRequestHeader('content-type', mediaType)
      request.upload.onprogress = ({ loaded, total }) => onUploadProgress?.(loaded, total)
      request.onprogress = ({ loaded }) => {
        if (loaded > sealedResponseBytesMax) {
          reject(new NoAnswer('too-large'))
          request.abort()
        }
      }
      request.onerror = fail('network')
      request.ontimeout = fail('timeout')
      request.onabort = fail('aborted')
      request.onload = () =>
        resolve({
          status: request.status,
          contentType: request.getResponseHeader('content-type') ?? '',
          body: new Uint8Array(request.response as ArrayBuffer),
        })
      signal?.addEventListener('abort', () => request.abort(), { once: true })
      if (signal?.aborted) fail('aborted')()
      else request.send(whole)
    })
  }
}
