/**
 * What must survive the journey to the identity provider and back. Never a token.
 *
 * @module
 */

export interface PendingSignIn {
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  /** Where to go afterwards: the part of the address after `#`. */
  readonly returnTo: string
}

/** The part of `sessionStorage` that is used. */
export interface TabStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

const key = 'sealward.pending-sign-in'

export function keepPending(storage: TabStorage, pending: PendingSignIn): void {
  storage.setItem(key, JSON.stringify(pending))
}

/** Takes the pending sign-in out of the storage: an answer can be used once. */
export function takePending(storage: TabStorage): PendingSignIn | undefined {
  const text = storage.getItem(key)
  storage.removeItem(key)
  if (text === null) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isPending(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isPending(value: unknown): value is PendingSignIn {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['state', 'nonce', 'codeVerifier', 'returnTo'].every(
      (name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'string',
    )
  )
}

/** A storage for what need not survive any journey: the page stays where it is. */
export function memoryStorage(): TabStorage {
  const kept = new Map<string, string>()
  return {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
  }
}
