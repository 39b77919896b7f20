import type { SigningKey } from './signing-key.ts'

/** The signing keys of one instance. Both answers come from memory. */
export interface KeyRing {
  /** The key that signs now. */
  current(): SigningKey
  /** All that verify: the current one, and those whose tokens still live or will soon be made. */
  published(): readonly SigningKey[]
}

/** A ring that holds one key, for as long as the process lives. */
export function ringOf(key: SigningKey): KeyRing {
  return { current: () => key, published: () => [key] }
}
