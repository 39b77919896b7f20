/** What the gateway stands in front of: opaque values under opaque keys, which may be gone at any time. */
export interface Store {
  readonly kind: 'redis' | 'in-process'
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** One answer for each key, in order. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>
  /** Whether it was written: a condition may not have held. */
  set(key: Uint8Array, value: Uint8Array, options: SetOptions): Promise<boolean>
  /** How many of the keys were there. */
  remove(keys: readonly Uint8Array[]): Promise<number>
  /** How many of the keys are there, one named twice counted twice. */
  count(keys: readonly Uint8Array[]): Promise<number>
  /** Whether the key was there. */
  expire(key: Uint8Array, lifetimeMs: number): Promise<boolean>
  /** Milliseconds left. */
  lifetimeOf(key: Uint8Array): Promise<number | 'absent' | 'unlimited'>
  close(): Promise<void>
}

export interface SetOptions {
  /** Milliseconds from now; kept until room is needed where it is not given. */
  readonly lifetimeMs?: number
  /** Write only if the key is absent, or only if it is present. */
  readonly condition?: 'absent' | 'present'
}

/** Leaves a {@link Store} whose server did not answer in time, or not as a server of its kind does. */
export class StoreUnavailable extends Error {
  constructor() {
    super('the store does not answer')
    this.name = 'StoreUnavailable'
  }
}
