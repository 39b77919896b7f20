import type { Resource, ResourceType } from '@medplum/fhirtypes'
import { ok, type Result, textOf, utf8Of } from '@sealward/attestation/bytes'
import type { ResourceOf } from '../fhir/parse-resource.ts'
import { idPattern } from '../fhir/references.ts'
import { type LookUp, lookUpsOf } from './look-ups.ts'
import type { Reader, RecordDraft, StoredRecord, StoreProblem, StoreTransaction } from './store.ts'

/** A resource as it is kept, with the patient whose data key seals it. */
export interface Kept<T extends Resource = Resource> {
  readonly resource: T & { readonly id: string }
  readonly version: number
  readonly patient: string | undefined
}

/** Reads the newest version of a resource. */
export async function readResource<const T extends ResourceType>(
  reader: Reader,
  type: T,
  id: string,
): Promise<Result<Kept<ResourceOf<T>> | undefined, StoreProblem>> {
  if (!idPattern.test(id)) return ok(undefined)
  const record = await reader.read(type, id)
  if (!record.ok) return record
  return ok(record.value === undefined ? undefined : kept<ResourceOf<T>>(record.value))
}

/**
 * Resources of `type` that answer `lookUp`, newest first. A row of the look-up table that points to a
 * resource which does not answer is passed over: the database is not believed.
 */
export async function findResources<const T extends ResourceType>(
  reader: Reader,
  type: T,
  lookUp: LookUp,
  limit: number,
): Promise<Result<readonly Kept<ResourceOf<T>>[], StoreProblem>> {
  const records = await reader.find(type, lookUp, limit)
  if (!records.ok) return records
  const answers = records.value
    .map((record) => kept<ResourceOf<T>>(record))
    .filter(({ resource }) =>
      lookUpsOf(resource).some((one) => one.name === lookUp.name && one.value === lookUp.value),
    )
  return ok(answers)
}

/** Writes the first version of a resource. Its `id` is given. */
export async function createResource<T extends Resource>(
  transaction: StoreTransaction,
  resource: T & { readonly id: string },
  options: { readonly patient: string | undefined; readonly instant: string },
): Promise<T & { readonly id: string }> {
  const written = withMeta(resource, 1, options.instant)
  await transaction.create(draftOf(written, options.patient))
  return written
}

/** Writes the next version of a resource, or refuses with `version-conflict`. */
export async function updateResource<T extends Resource>(
  transaction: StoreTransaction,
  previous: Kept<T>,
  resource: T,
  instant: string,
): Promise<Result<T & { readonly id: string }, StoreProblem>> {
  const next = withMeta({ ...resource, id: previous.resource.id }, previous.version + 1, instant)
  const updated = await transaction.update(draftOf(next, previous.patient), previous.version)
  return updated.ok ? ok(next) : updated
}

/** What a record is found by; films and receipts by nothing but their ids. */
export function lookUpsOfRecord(record: StoredRecord): readonly LookUp[] {
  return foundBySearch.has(record.type) ? lookUpsOf(kept(record).resource) : []
}

const foundBySearch: ReadonlySet<string> = new Set([
  'AuditEvent',
  'DiagnosticReport',
  'ImagingStudy',
  'Observation',
  'Patient',
  'Provenance',
  'ServiceRequest',
  'Task',
])

function draftOf(
  resource: Resource & { readonly id: string },
  patient: string | undefined,
): RecordDraft {
  return {
    type: resource.resourceType,
    id: resource.id,
    patient,
    bytes: utf8Of(JSON.stringify(resource)),
    lookUps: lookUpsOf(resource),
  }
}

function kept<T extends Resource>(record: StoredRecord): Kept<T> {
  return {
    resource: JSON.parse(textOf(record.bytes) ?? '') as T & { readonly id: string },
    version: record.version,
    patient: record.patient,
  }
}

function withMeta<T extends Resource>(
  resource: T & { readonly id: string },
  version: number,
  instant: string,
): T & { readonly id: string } {
  const meta = { versionId: String(version), lastUpdated: instant }
  return Object.assign({ ...resource }, { meta })
}
