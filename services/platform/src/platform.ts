import type { Result } from '@sealward/attestation/bytes'
import type { Answer } from './answer.ts'
import type { Films } from './films/films.ts'
import type { OrderQueue } from './orders/queue.ts'
import type { ApiProblem } from './problems.ts'
import type { Staff } from './staff/staff.ts'
import type { Store } from './store/store.ts'
import type { TrustReport } from './trust/trust.ts'

/** All that a handler may reach. */
export interface Platform {
  readonly deployment: string
  readonly identityIssuer: string
  readonly store: Store
  readonly films: Films
  readonly queue: OrderQueue
  readonly trust: () => Promise<TrustReport>
  /** The provider's model card, as it sends it. */
  readonly modelCard: () => Promise<Result<object, ApiProblem>>
  readonly clock: { now(): number }
  readonly random: { bytes(length: number): Uint8Array }
}

/** One request out of the sealed channel, from a known member of staff. */
export interface StaffRequest {
  readonly staff: Staff
  /** Parts of the path that the route names. */
  readonly parameters: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}

/** Answers one request, or says with a code why not. */
export type Handler = (
  platform: Platform,
  request: StaffRequest,
) => Promise<Result<Answer, ApiProblem>>

/** The present, as FHIR writes an instant. */
export function instantNow(platform: { readonly clock: { now(): number } }): string {
  return instantOf(platform.clock.now())
}

/** Unix seconds as FHIR writes an instant. */
export function instantOf(at: number): string {
  return new Date(at * 1000).toISOString().replace('.000Z', 'Z')
}

/** A new opaque id: a random UUID (version 4). */
export function newId(platform: {
  readonly random: { bytes(length: number): Uint8Array }
}): string {
  const bytes = Buffer.from(platform.random.bytes(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}
