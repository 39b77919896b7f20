import type { Patient } from '@medplum/fhirtypes'
import { ok, type Result, refuse } from '@sealward/attestation/bytes'
import { fhir } from '../answer.ts'
import { searchResultsMax } from '../limits.ts'
import { type Handler, instantNow, newId } from '../platform.ts'
import type { PlatformProblem } from '../problems.ts'
import { byFamilyAndBirthDate, byIdentifier, type LookUp } from '../store/look-ups.ts'
import {
  createResource,
  findResources,
  type Kept,
  readResource,
  updateResource,
} from '../store/resources.ts'
import type { StoreProblem, StoreTransaction } from '../store/store.ts'
import { writeAudit } from './audit.ts'
import { resourceBody, withoutOurs } from './body.ts'
import { searchset } from './search.ts'
import { matches } from './versions.ts'

/** `POST /fhir/Patient` */
export const createPatient: Handler = async (platform, { body, staff, headers }) => {
  const parsed = resourceBody('Patient', body, withoutOurs)
  if (!parsed.ok) return parsed
  const given = parsed.value
  const condition = headers['if-none-exist']
  return platform.store.transaction(async (transaction) => {
    const free = await holdIdentifiers(transaction, given, undefined)
    if (!free.ok) return free
    const taken = free.value
    if (taken !== undefined) {
      if (condition === undefined || !asksFor(condition, taken.resource)) {
        return refuse(
          'identifier-in-use',
          'Patient.identifier',
          'Another patient has this identifier.',
        )
      }
      await writeAudit(platform, transaction, {
        actor: { staff },
        interaction: 'read',
        entities: [`Patient/${taken.resource.id}`],
        patient: taken.resource.id,
      })
      return ok(fhir(taken.resource, 200))
    }
    const id = newId(platform)
    const written = await createResource<Patient>(
      transaction,
      { ...given, id },
      { patient: id, instant: instantNow(platform) },
    )
    await writeAudit(platform, transaction, {
      actor: { staff },
      interaction: 'create',
      entities: [`Patient/${id}`],
      patient: id,
    })
    return ok(fhir(written, 201, { location: `/fhir/Patient/${id}/_history/1` }))
  })
}

/** `PUT /fhir/Patient/{id}`, with `If-Match` only from the version that was read. */
export const updatePatient: Handler = async (platform, { parameters, body, staff, headers }) => {
  const id = parameters['id'] ?? ''
  let bodyId: unknown
  const parsed = resourceBody('Patient', body, (given) => {
    bodyId = given['id']
    return withoutOurs(given)
  })
  if (!parsed.ok) return parsed
  if (bodyId !== id) {
    return refuse('resource-id', 'Patient.id', 'The body names the same id as the path.')
  }
  return platform.store.transaction(async (transaction) => {
    const previous = await present(transaction, id)
    if (!previous.ok) return previous
    if (!matches(headers['if-match'], previous.value.version)) {
      return refuse('version-conflict', 'if-match', 'The patient has changed since it was read.')
    }
    const free = await holdIdentifiers(transaction, parsed.value, id)
    if (!free.ok) return free
    if (free.value !== undefined) {
      return refuse(
        'identifier-in-use',
        'Patient.identifier',
        'Another patient has this identifier.',
      )
    }
    const written = await updateResource<Patient>(
      transaction,
      previous.value,
      parsed.value,
      instantNow(platform),
    )
    if (!written.ok) return written
    await writeAudit(platform, transaction, {
      actor: { staff },
      interaction: 'update',
      entities: [`Patient/${id}`],
      patient: id,
    })
    return ok(fhir(written.value))
  })
}

/** `GET /fhir/Patient?identifier=system|value`, or `?family=&birthdate=`; exact match. */
export const searchPatients: Handler = async (platform, { query, staff }) => {
  const asked = lookUpIn(query)
  if (!asked.ok) return asked
  const found = await findResources(platform.store, 'Patient', asked.value, searchResultsMax)
  if (!found.ok) return found
  const patients = found.value.map(({ resource }) => resource)
  const written = await platform.store.transaction(async (transaction) => {
    // One event under each patient's own key, so that erasing one leaves the others' audit whole.
    for (const patient of patients.length === 0 ? [undefined] : patients) {
      await writeAudit(platform, transaction, {
        actor: { staff },
        interaction: 'search-type',
        entities: patient === undefined ? [] : [`Patient/${patient.id}`],
        patient: patient?.id,
      })
    }
    return ok(true)
  })
  return written.ok ? ok(fhir(searchset(patients))) : written
}

function lookUpIn(query: URLSearchParams): Result<LookUp, PlatformProblem> {
  const [identifier, family, birthDate] = [
    query.get('identifier'),
    query.get('family'),
    query.get('birthdate'),
  ]
  const names = [...query.keys()].sort().join()
  if (names === 'identifier' && identifier?.includes('|')) {
    const bar = identifier.indexOf('|')
    return ok(byIdentifier(identifier.slice(0, bar), identifier.slice(bar + 1)))
  }
  if (names === 'birthdate,family' && family && birthDate) {
    return ok(byFamilyAndBirthDate(family, birthDate))
  }
  return refuse(
    'search-unsupported',
    'query',
    'Search by identifier=system|value, or by family and birthdate.',
  )
}

/** `If-None-Exist: identifier=system|value` of a patient that is here already. */
function asksFor(condition: string, patient: Patient): boolean {
  const asked = lookUpIn(new URLSearchParams(condition))
  return (
    asked.ok &&
    (patient.identifier ?? []).some(
      ({ system, value }) => byIdentifier(system ?? '', value ?? '').value === asked.value.value,
    )
  )
}

/**
 * Takes hold of every identifier until the transaction ends, so that no two patients get the same.
 *
 * @returns the other patient that has one of them, if there is one.
 */
async function holdIdentifiers(
  transaction: StoreTransaction,
  patient: Patient,
  own: string | undefined,
): Promise<Result<Kept<Patient> | undefined, StoreProblem>> {
  const lookUps = (patient.identifier ?? [])
    .flatMap(({ system, value }) =>
      value === undefined ? [] : [byIdentifier(system ?? '', value)],
    )
    // In one order everywhere, or two transactions could wait for each other.
    .sort((one, other) => (one.value < other.value ? -1 : 1))
  for (const lookUp of lookUps) {
    await transaction.lock(lookUp.value)
    const found = await findResources(transaction, 'Patient', lookUp, 2)
    if (!found.ok) return found
    const other = found.value.find(({ resource }) => resource.id !== own)
    if (other !== undefined) return ok(other)
  }
  return ok(undefined)
}

async function present(
  transaction: StoreTransaction,
  id: string,
): Promise<Result<Kept<Patient>, PlatformProblem>> {
  const found = await readResource(transaction, 'Patient', id)
  if (!found.ok) return found
  return found.value === undefined
    ? refuse('not-found', 'id', 'There is no such patient.')
    : ok(found.value)
}
