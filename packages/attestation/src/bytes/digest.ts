import type { Bytes } from './bytes.ts'

/** SHA-256 of `bytes`. */
export async function sha256(bytes: Uint8Array): Promise<Bytes<32>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bufferSourceOf(bytes))) as Bytes<32>
}

/** SHA-384 of `bytes`. */
export async function sha384(bytes: Uint8Array): Promise<Bytes<48>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-384', bufferSourceOf(bytes))) as Bytes<48>
}

/**
 * The same bytes, as Web Crypto's types want them.
 *
 * Web Crypto refuses shared memory at run time, and its types say so; nothing here is made of shared memory.
 */
export function bufferSourceOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>
}
