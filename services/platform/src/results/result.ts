import type { DiagnosticReport, Observation, Patient } from '@medplum/fhirtypes'
import { jsonOf, ok, type Result, refuse, utf8Of } from '@sealward/attestation/bytes'
import { json } from '../answer.ts'
import { writeAudit } from '../fhir/audit.ts'
import { idPattern } from '../fhir/references.ts'
import { filmIn } from '../films/routes.ts'
import type { Interpretation, ModelCard } from '../peers/diagnostics.ts'
import type { Handler, Platform } from '../platform.ts'
import type { ApiProblem } from '../problems.ts'
import { readResource } from '../store/resources.ts'
import type { Reader, StoreTransaction } from '../store/store.ts'

/** The numbers of one reading as the provider gave them, kept beside the FHIR resources. */
export interface Reading {
  readonly probability: number
  readonly logit: number
  readonly evidenceMap: readonly (readonly number[])[]
  readonly gate: number
  readonly operatingPoint: ModelCard['operatingPoint']
  readonly model: Interpretation['model']
  readonly modelCard: ModelCard
  readonly simulated: boolean
  readonly observation: string
  readonly film: string
}

/** Writes a reading, under its report's id. */
export async function writeReading(
  transaction: StoreTransaction,
  report: string,
  patient: string,
  reading: Reading,
): Promise<void> {
  await transaction.create({
    type: 'Reading',
    id: report,
    patient,
    bytes: utf8Of(JSON.stringify(reading)),
    lookUps: [],
  })
}

/** `GET /results/{diagnosticReportId}`: all that a result page shows, in one answer. */
export const readResult: Handler = async (platform, { parameters, staff }) => {
  const parts = await partsOf(platform, parameters['id'] ?? '')
  if (!parts.ok) return parts
  const { film, observation, patient, reading, report } = parts.value
  const seen = await platform.store.transaction(async (transaction) => {
    await writeAudit(platform, transaction, {
      actor: { staff },
      interaction: 'read',
      entities: [`Patient/${patient.id}`, `DiagnosticReport/${report.id}`],
      patient: patient.id,
    })
    return ok(true)
  })
  if (!seen.ok) return seen
  const { evidenceMap, logit, model, modelCard, operatingPoint, probability, simulated } = reading
  return ok(
    json({
      report,
      observation,
      patient,
      film,
      probability,
      logit,
      evidenceMap,
      operatingPoint,
      model,
      modelCard,
      simulated,
      receipt: `/receipts/${report.id}`,
    }),
  )
}

interface Parts {
  readonly report: DiagnosticReport & { readonly id: string }
  readonly observation: Observation
  readonly patient: Patient & { readonly id: string }
  readonly film: object
  readonly reading: Reading
}

async function partsOf(platform: Platform, id: string): Promise<Result<Parts, ApiProblem>> {
  const report = await readResource(platform.store, 'DiagnosticReport', id)
  if (!report.ok) return report
  if (report.value === undefined) return refuse('not-found', 'id', 'There is no such report.')
  const reading = await readingOf(platform.store, id)
  if (!reading.ok) return reading
  const { film: filmId, observation: observationId } = reading.value
  const [observation, patient, film] = await Promise.all([
    readResource(platform.store, 'Observation', observationId),
    readResource(platform.store, 'Patient', report.value.patient ?? ''),
    filmIn(platform.store, filmId),
  ])
  if (!observation.ok) return observation
  if (!patient.ok) return patient
  if (!film.ok) return film
  if (observation.value === undefined || patient.value === undefined) {
    return refuse('record-refused', 'result', 'A part of the result has disappeared.')
  }
  return ok({
    report: report.value.resource,
    observation: observation.value.resource,
    patient: patient.value.resource,
    film: film.value.summary,
    reading: reading.value,
  })
}

/** The reading of a report; `not-found` when there is none. */
async function readingOf(reader: Reader, report: string): Promise<Result<Reading, ApiProblem>> {
  const record = idPattern.test(report) ? await reader.read('Reading', report) : ok(undefined)
  if (!record.ok) return record
  if (record.value === undefined) return refuse('not-found', 'id', 'There is no such result.')
  const reading = jsonOf(record.value.bytes, { bytesMax: 1024 * 1024, depthMax: 32 })
  if (!reading.ok) throw new Error('a reading of ours cannot be read')
  return ok(reading.value as Reading)
}
