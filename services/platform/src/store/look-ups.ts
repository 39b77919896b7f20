/**
 * What a resource can be found by. Names go into the keyed digest, values never leave it.
 *
 * @module
 */
import type { HumanName, Reference, Resource } from '@medplum/fhirtypes'

/** One exact-match question. */
export interface LookUp {
  readonly name: string
  readonly value: string
}

/** `Patient?identifier=system|value` */
export const byIdentifier = (system: string, value: string): LookUp => ({
  name: 'Patient.identifier',
  value: JSON.stringify([system, value]),
})

/** `Patient?family=&birthdate=`; spelling, case and accents count as {@link folded} leaves them. */
export const byFamilyAndBirthDate = (family: string, birthDate: string): LookUp => ({
  name: 'Patient.family-birthdate',
  value: JSON.stringify([folded(family), birthDate]),
})

/** `DiagnosticReport?status=` */
export const byStatus = (type: string, status: string): LookUp => ({
  name: `${type}.status`,
  value: status,
})

/** `…?subject=Patient/…` */
export const bySubject = (type: string, reference: string): LookUp => ({
  name: `${type}.subject`,
  value: reference,
})

/** `Provenance?target=…`, `AuditEvent?entity=…` */
export const byTarget = (type: string, reference: string): LookUp => ({
  name: `${type}.target`,
  value: reference,
})

/** Every question that `resource` is an answer to. */
export function lookUpsOf(resource: Resource): readonly LookUp[] {
  switch (resource.resourceType) {
    case 'Patient':
      return [
        ...(resource.identifier ?? []).flatMap(({ system, value }) =>
          value === undefined ? [] : [byIdentifier(system ?? '', value)],
        ),
        ...(resource.birthDate === undefined ? [] : familiesOf(resource.name)).map((family) =>
          byFamilyAndBirthDate(family, resource.birthDate ?? ''),
        ),
      ]
    case 'DiagnosticReport':
      return [byStatus('DiagnosticReport', resource.status), ...subject(resource)]
    case 'ImagingStudy':
    case 'Observation':
    case 'ServiceRequest':
      return subject(resource)
    case 'Task':
      return target('Task', resource.focus)
    case 'Provenance':
      return resource.target.flatMap((one) => target('Provenance', one))
    case 'AuditEvent':
      return (resource.entity ?? []).flatMap((one) => target('AuditEvent', one.what))
    default:
      return []
  }
}

/** Case, width and surrounding space do not tell two names apart; letters and accents do. */
export function folded(text: string): string {
  return text.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase()
}

function subject(resource: Resource & { readonly subject?: Reference }): readonly LookUp[] {
  const reference = resource.subject?.reference
  return reference === undefined ? [] : [bySubject(resource.resourceType, reference)]
}

function target(type: string, reference: Reference | undefined): readonly LookUp[] {
  return reference?.reference === undefined ? [] : [byTarget(type, reference.reference)]
}

function familiesOf(names: readonly HumanName[] | undefined): readonly string[] {
  return [
    ...new Set(
      (names ?? []).flatMap(({ family }) => (family === undefined ? [] : [folded(family)])),
    ),
  ]
}
