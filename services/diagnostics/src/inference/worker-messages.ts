/** What a worker is started with. */
export interface WorkerData {
  readonly model: Uint8Array
}

/** One film: 64 x 64 grey values. */
export interface WorkerRequest {
  readonly image: Float32Array<ArrayBuffer>
}

/** A worker says `ready` once, then answers requests in order. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'read'; readonly outputs: Readonly<Record<string, Float32Array>> }
  | { readonly kind: 'failed' }
