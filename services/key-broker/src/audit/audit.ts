import type { UnixSeconds } from '@sealward/attestation/bytes'
import type { DatabaseTransaction } from '../store/open-store.ts'

/** Who did something. */
export type AuditActor =
  /** Somebody whom the identity provider names. */
  | { readonly kind: 'person'; readonly subject: string }
  /** A workload, by its verified attestation token. */
  | { readonly kind: 'workload'; readonly token: string; readonly issuer: string }
  /** The broker by itself: a rotation whose time has come. */
  | { readonly kind: 'broker' }
  /** Whoever has the machine: a command line. */
  | { readonly kind: 'operator' }

/** One thing that was done or refused. Never key material, never a token. */
export interface AuditEvent {
  readonly at: UnixSeconds
  readonly actor: AuditActor
  /** `key-create`, `key-release`, …: `<what>-<verb>`. */
  readonly action: string
  /** What it was done to: `keys/<name>/<version>`. */
  readonly target: string
  /** `done`, or the code of the problem why not. */
  readonly outcome: string
  /** What explains it, by name. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** Where everything that is done with keys is written down, in the transaction that does it. */
export interface Audit {
  append(transaction: DatabaseTransaction, event: AuditEvent): Promise<void>
}

/** The audit log in the broker's database. */
export function createAudit(): Audit {
  return {
    async append(transaction, event) {
      await transaction
        .insertInto('broker.audit_entry')
        .values({ at: String(event.at), entry: JSON.stringify(event) })
        .execute()
    },
  }
}
