import type { Resource, ResourceType } from '@medplum/fhirtypes'
import { ok, type Result, refuse } from '@sealward/attestation/bytes'
import { fhir } from '../answer.ts'
import { searchResultsMax } from '../limits.ts'
import type { Handler, Platform } from '../platform.ts'
import type { ApiProblem } from '../problems.ts'
import type { Staff } from '../staff/staff.ts'
import { byStatus, bySubject, byTarget, type LookUp } from '../store/look-ups.ts'
import { findResources, readResource } from '../store/resources.ts'
import { type Interaction, writeAudit } from './audit.ts'
import { searchset } from './search.ts'

/** Types that are read by id. */
export const readableTypes: readonly ResourceType[] = [
  'AuditEvent',
  'Communication',
  'Device',
  'DiagnosticReport',
  'ImagingStudy',
  'Observation',
  'Patient',
  'Provenance',
  'ServiceRequest',
  'Task',
]

/** A task says how far an order is, and is asked for several times a second: that is no look at a patient. */
const unaudited: ReadonlySet<ResourceType> = new Set(['Task', 'Device'])

/** `GET /fhir/{type}/{id}` */
export function readOf(type: ResourceType): Handler {
  return async (platform, { parameters, staff }) => {
    const found = await readResource(platform.store, type, parameters['id'] ?? '')
    if (!found.ok) return found
    if (found.value === undefined) return refuse('not-found', 'id', `There is no such ${type}.`)
    const { patient, resource } = found.value
    if (!unaudited.has(type)) {
      const seen = await audit(platform, staff, 'read', [{ resource, patient }])
      if (!seen.ok) return seen
    }
    return ok(fhir(resource))
  }
}

/** How a type is searched: parameter to look-up. */
const searches: Readonly<
  Partial<Record<ResourceType, Readonly<Record<string, (value: string) => LookUp>>>>
> = {
  AuditEvent: { entity: (value) => byTarget('AuditEvent', value) },
  DiagnosticReport: {
    status: (value) => byStatus('DiagnosticReport', value),
    subject: (value) => bySubject('DiagnosticReport', value),
  },
  ImagingStudy: { subject: (value) => bySubject('ImagingStudy', value) },
  Observation: { subject: (value) => bySubject('Observation', value) },
  Provenance: { target: (value) => byTarget('Provenance', value) },
  ServiceRequest: { subject: (value) => bySubject('ServiceRequest', value) },
  Task: { focus: (value) => byTarget('Task', value) },
}

/** Types that are searched, with the parameters they are searched by. */
export const searchParameters: readonly (readonly [
  type: ResourceType,
  names: readonly string[],
])[] = Object.entries(searches).map(([type, by]) => [type as ResourceType, Object.keys(by)])

/** `GET /fhir/{type}?{parameter}={value}`: exactly one parameter, exact match, newest first. */
export function searchOf(type: ResourceType): Handler {
  return async (platform, { query, staff }) => {
    const [[name, value] = ['', ''], ...more] = [...query]
    const by = searches[type]?.[name]
    if (by === undefined || value === '' || more.length > 0) {
      const names = Object.keys(searches[type] ?? {}).join(' or ')
      return refuse('search-unsupported', 'query', `Search ${type} by ${names}.`)
    }
    const found = await findResources(platform.store, type, by(value), searchResultsMax)
    if (!found.ok) return found
    const seen = await audit(platform, staff, 'search-type', found.value)
    if (!seen.ok) return seen
    const resources: (Resource & { readonly id: string })[] = found.value.map(
      ({ resource }) => resource,
    )
    return ok(fhir(searchset(resources)))
  }
}

/** One event for each patient concerned, under that patient's key. */
async function audit(
  platform: Platform,
  staff: Staff,
  interaction: Interaction,
  found: readonly {
    readonly resource: Resource & { readonly id: string }
    readonly patient: string | undefined
  }[],
): Promise<Result<true, ApiProblem>> {
  const byPatient = new Map<string | undefined, string[]>()
  for (const { patient, resource } of found) {
    const reference = `${resource.resourceType}/${resource.id}`
    byPatient.set(patient, [...(byPatient.get(patient) ?? []), reference])
  }
  if (byPatient.size === 0) byPatient.set(undefined, [])
  return platform.store.transaction(async (transaction) => {
    for (const [patient, references] of byPatient) {
      const entities = new Set([
        ...(patient === undefined ? [] : [`Patient/${patient}`]),
        ...references,
      ])
      await writeAudit(platform, transaction, {
        actor: { staff },
        interaction,
        entities: [...entities],
        patient,
      })
    }
    return ok(true)
  })
}
