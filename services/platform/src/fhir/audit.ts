import type { AuditEvent, AuditEventEntity } from '@medplum/fhirtypes'
import { instantNow, newId, type Platform } from '../platform.ts'
import type { Staff } from '../staff/staff.ts'
import { createResource } from '../store/resources.ts'
import type { StoreTransaction } from '../store/store.ts'

/** What somebody did, in FHIR's words for REST interactions. */
export type Interaction = 'create' | 'read' | 'search-type' | 'update' | 'delete' | 'operation'

const actions = {
  create: 'C',
  read: 'R',
  'search-type': 'E',
  update: 'U',
  delete: 'D',
  operation: 'E',
} as const

/** Who did it: a member of staff, or this service itself while it works on an order. */
export type Actor = { readonly staff: Staff } | { readonly service: string }

/**
 * Writes who did what to whom, sealed like all else, under the data key of the patient concerned, or
 * under the tenant's where there is none.
 *
 * @param entities references of what was touched, for example `Patient/…`.
 * @see FHIR R4, 6.4 AuditEvent
 */
export async function writeAudit(
  platform: Platform,
  transaction: StoreTransaction,
  event: {
    readonly actor: Actor
    readonly interaction: Interaction
    readonly entities: readonly string[]
    readonly patient: string | undefined
  },
): Promise<void> {
  const instant = instantNow(platform)
  const resource: AuditEvent & { readonly id: string } = {
    resourceType: 'AuditEvent',
    id: newId(platform),
    type: { system: 'http://terminology.hl7.org/CodeSystem/audit-event-type', code: 'rest' },
    subtype: [{ system: 'http://hl7.org/fhir/restful-interaction', code: event.interaction }],
    action: actions[event.interaction],
    recorded: instant,
    outcome: '0',
    agent: [
      {
        requestor: 'staff' in event.actor,
        who:
          'staff' in event.actor
            ? {
                identifier: { system: platform.identityIssuer, value: event.actor.staff.subject },
                display: event.actor.staff.name,
              }
            : { display: event.actor.service },
      },
    ],
    source: {
      observer: { identifier: { value: platform.deployment }, display: 'Sealward platform' },
    },
    ...(event.entities.length === 0 ? {} : { entity: event.entities.map(entityOf) }),
  }
  await createResource(transaction, resource, { patient: event.patient, instant })
}

function entityOf(reference: string): AuditEventEntity {
  return { what: { reference } }
}
