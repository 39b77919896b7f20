import type { ImagingStudy, Patient } from '@medplum/fhirtypes'
import { jsonOf, ok, type Result, refuse, utf8Of } from '@sealward/attestation/bytes'
import { bytes, json } from '../answer.ts'
import { writeAudit } from '../fhir/audit.ts'
import { idPattern, referenceTo } from '../fhir/references.ts'
import { resourceBytesMax, resourceDepthMax } from '../limits.ts'
import { type Handler, instantNow, newId, type Platform } from '../platform.ts'
import type { ApiProblem } from '../problems.ts'
import { createResource, readResource } from '../store/resources.ts'
import type { Reader, StoreTransaction } from '../store/store.ts'
import { type ExaminedFilm, type FilmSummary, filmMediaTypes } from './films.ts'

/** `POST /films?patient={id}` */
export const uploadFilm: Handler = async (platform, { body, headers, query, staff }) => {
  const mediaType = headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (!filmMediaTypes.includes(mediaType)) {
    return refuse('unsupported-media-type', 'content-type', 'Upload DICOM, PNG or JPEG.')
  }
  const patientId = query.get('patient') ?? ''
  const patient = await readResource(platform.store, 'Patient', patientId)
  if (!patient.ok) return patient
  const whose = patient.value?.resource
  if (whose === undefined) {
    return refuse('reference-unknown', 'patient', 'There is no such patient.')
  }
  const examined = await platform.films.examine(body, mediaType, whose)
  if (!examined.ok) return examined
  return platform.store.transaction(async (transaction) => {
    const summary = await writeFilm(platform, transaction, examined.value, whose.id)
    await writeAudit(platform, transaction, {
      actor: { staff },
      interaction: 'create',
      entities: [`Patient/${whose.id}`, summary.imagingStudy],
      patient: whose.id,
    })
    return ok(json(summary, 201, { location: `/films/${summary.id}` }))
  })
}

/** `GET /films/{id}` */
export const readFilmSummary: Handler = async (platform, { parameters, staff }) => {
  const film = await filmIn(platform.store, parameters['id'] ?? '')
  if (!film.ok) return film
  const seen = await auditRead(platform, film.value, { staff })
  return seen.ok ? ok(json(film.value.summary)) : seen
}

/** `GET /films/{id}/rendered` */
export const readRenderedFilm: Handler = async (platform, { parameters, staff }) => {
  const film = await filmIn(platform.store, parameters['id'] ?? '')
  if (!film.ok) return film
  const rendered = await platform.store.read('FilmRendered', film.value.summary.id)
  if (!rendered.ok) return rendered
  if (rendered.value === undefined) {
    return refuse('record-refused', 'rendered', 'The rendered film has disappeared.')
  }
  const seen = await auditRead(platform, film.value, { staff })
  return seen.ok ? ok(bytes('image/png', rendered.value.bytes)) : seen
}

/** A film's summary, with whose it is. */
export interface KeptFilm {
  readonly summary: FilmSummary
  readonly patient: string
}

/** Reads a film's summary; `not-found` when there is none. */
export async function filmIn(reader: Reader, id: string): Promise<Result<KeptFilm, ApiProblem>> {
  const record = idPattern.test(id) ? await reader.read('Film', id) : ok(undefined)
  if (!record.ok) return record
  if (record.value?.patient === undefined)
    return refuse('not-found', 'id', 'There is no such film.')
  const summary = jsonOf(record.value.bytes, {
    bytesMax: resourceBytesMax,
    depthMax: resourceDepthMax,
  })
  if (!summary.ok) throw new Error('a film summary of ours cannot be read')
  return ok({ summary: summary.value as FilmSummary, patient: record.value.patient })
}

/** The pixels for the model: little-endian FP32, and nothing that tells whose they are. */
export async function modelInputOf(
  reader: Reader,
  filmId: string,
): Promise<Result<Uint8Array, ApiProblem>> {
  const record = await reader.read('FilmInput', filmId)
  if (!record.ok) return record
  return record.value === undefined
    ? refuse('record-refused', 'input', 'The film has disappeared.')
    : ok(record.value.bytes)
}

/** The film of a study of ours: its id is the study's. */
export function filmIdOfStudy(studyId: string): string {
  return studyId
}

async function writeFilm(
  platform: Platform,
  transaction: StoreTransaction,
  film: ExaminedFilm,
  patient: string,
): Promise<FilmSummary> {
  const [id, instant] = [newId(platform), instantNow(platform)]
  const { facts, uids } = film
  const modality = facts.modality ?? 'OT'
  const study: ImagingStudy & { readonly id: string } = {
    resourceType: 'ImagingStudy',
    id,
    status: 'available',
    identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uids.study}` }],
    subject: referenceTo<Patient>('Patient', patient),
    started: instant,
    modality: [{ system: 'http://dicom.nema.org/resources/ontology/DCM', code: modality }],
    numberOfSeries: 1,
    numberOfInstances: 1,
    series: [
      {
        uid: uids.series,
        modality: { system: 'http://dicom.nema.org/resources/ontology/DCM', code: modality },
        numberOfInstances: 1,
        instance: [
          {
            uid: uids.instance,
            sopClass: {
              system: 'urn:ietf:rfc:3986',
              code: `urn:oid:${facts.sopClassUid ?? secondaryCapture}`,
            },
          },
        ],
      },
    ],
  }
  await createResource(transaction, study, { patient, instant })
  const summary: FilmSummary = {
    id,
    imagingStudy: `ImagingStudy/${id}`,
    modality,
    rows: facts.rows,
    columns: facts.columns,
    transferSyntax: facts.transferSyntaxUid ?? facts.encoding,
    sha256: film.sha256,
    removed: film.removed,
    warnings: film.warnings,
  }
  const parts: readonly (readonly [type: string, bytes: Uint8Array])[] = [
    ['Film', utf8Of(JSON.stringify(summary))],
    ['FilmInstance', film.dicom],
    ['FilmRendered', film.rendered],
    ['FilmInput', film.input],
  ]
  for (const [type, content] of parts) {
    await transaction.create({ type, id, patient, bytes: content, lookUps: [] })
  }
  return summary
}

const secondaryCapture = '1.2.840.10008.5.1.4.1.1.7'

async function auditRead(
  platform: Platform,
  film: KeptFilm,
  actor: Parameters<typeof writeAudit>[2]['actor'],
): Promise<Result<true, ApiProblem>> {
  return platform.store.transaction(async (transaction) => {
    await writeAudit(platform, transaction, {
      actor,
      interaction: 'read',
      entities: [`Patient/${film.patient}`, film.summary.imagingStudy],
      patient: film.patient,
    })
    return ok(true)
  })
}
