import type { UnixSeconds } from '@sealward/attestation/bytes'

/** What the evidence commands need of where they run. */
export interface EvidenceSurroundings {
  readonly effects: { readonly clock: { now(): UnixSeconds } }
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}
