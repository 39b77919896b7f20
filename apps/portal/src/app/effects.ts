import type { UnixSeconds } from '@sealward/attestation/bytes'

/** What the portal asks of the browser it runs in. Tests and the gallery give their own. */
export interface Effects {
  now(): UnixSeconds
  /** Cryptographically secure bytes. */
  random(length: number): Uint8Array<ArrayBuffer>
  fetch(url: string, init?: RequestInit): Promise<Response>
}

export const browserEffects: Effects = {
  now: () => Math.floor(Date.now() / 1000),
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  fetch: (url, init) => fetch(url, init),
}
