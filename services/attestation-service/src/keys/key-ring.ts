import type { SigningKey } from './signing-key.ts'

/** The signing keys of one instance. All answers come from memory. */
export interface KeyRing {
  /** The key that signs now. */
  current(): SigningKey
  /** All that verify: the current one, and those whose tokens still live or will soon be made. */
  published(): readonly SigningKey[]
  /** Whether what is known of the keys is new enough to sign and to verify by. */
  isFresh(): boolean
  /** How long others may keep what is published: half the time for which a key is there before it signs. */
  readonly cacheSeconds: number
}

/** A ring that holds one key, for as long as the process lives. */
export function ringOf(key: SigningKey): KeyRing {
  return { current: () => key, published: () => [key], isFresh: () => true, cacheSeconds: 300 }
}
