import { createHash } from 'node:crypto'
import type { Patient } from '@medplum/fhirtypes'
import { ok, type Result, refuse } from '@sealward/attestation/bytes'
import {
  defaultImagingLimits,
  type Examination,
  type FilmIdentity,
  type ImagingLimits,
  type ImagingWorkerPool,
  wrapImage,
} from '@sealward/imaging'
import { filmBytesMax, renderedSidePixelsMax } from '../limits.ts'
import { floatBytes, modelInput } from '../peers/inference.ts'
import type { ApiProblem } from '../problems.ts'
import { folded } from '../store/look-ups.ts'

/** What the clerk is told about a film. */
export interface FilmSummary {
  readonly id: string
  /** `ImagingStudy/…` */
  readonly imagingStudy: string
  readonly modality: string
  readonly rows: number
  readonly columns: number
  /** Transfer syntax UID; the name of the format for what was no DICOM file. */
  readonly transferSyntax: string
  /** Hex, of the file as it was uploaded. */
  readonly sha256: string
  /** Keywords of what the file holds that identifies somebody, and that never leaves: no values. */
  readonly removed: readonly string[]
  /** Codes of what a person should know, {@link Difference} among them. */
  readonly warnings: readonly string[]
}

/** One upload, looked at in a worker, and as it will be kept. */
export interface ExaminedFilm {
  readonly facts: Examination['film']
  readonly sha256: string
  readonly removed: readonly string[]
  readonly warnings: readonly string[]
  readonly uids: { readonly study: string; readonly series: string; readonly instance: string }
  /** A DICOM file: the uploaded one, or one around the uploaded picture. */
  readonly dicom: Uint8Array
  /** 8-bit grey PNG. */
  readonly rendered: Uint8Array
  /** Little-endian FP32 for the model; pixels, and nothing else. */
  readonly input: Uint8Array
}

export interface Films {
  /**
   * Reads a film, refuses what is no chest radiograph, and compares what the file says about the
   * patient with `patient`.
   */
  examine(
    bytes: Uint8Array,
    mediaType: string,
    patient: Patient,
  ): Promise<Result<ExaminedFilm, ApiProblem>>
  close(): Promise<void>
}

/** What may be uploaded. */
export const filmMediaTypes: readonly string[] = ['application/dicom', 'image/png', 'image/jpeg']

/** Problems of the worker, which say nothing about the film. */
const ourFault: ReadonlySet<string> = new Set(['busy', 'cancelled', 'out-of-memory', 'timed-out'])

/** Films read by workers, each with limits on time and memory. */
export function createFilms(
  pool: ImagingWorkerPool,
  random: { bytes(length: number): Uint8Array },
): Films {
  return {
    async examine(bytes, mediaType, patient) {
      if (bytes.length === 0)
        return refuse('film-empty', 'body', 'There is no film in the request.')
      if (bytes.length > filmBytesMax)
        return refuse('film-too-large', 'body', 'The film is too large.')
      const examination = await pool.examine(bytes, {
        contentType: mediaType,
        renderLongestSideMax: renderedSidePixelsMax,
        reducedSide: modelInput.rows,
      })
      if (!examination.ok) return foreign(examination.problem)
      const { film, gate, identity, removed, rendered, reduced } = examination.value
      if (!gate.ok) return foreign(gate.problem)
      if (rendered === undefined) throw new Error('a rendered film was asked for')
      const uids = {
        study: film.studyInstanceUid ?? newUid(random),
        series: film.seriesInstanceUid ?? newUid(random),
        instance: film.sopInstanceUid ?? newUid(random),
      }
      const dicom =
        film.source === 'dicom' ? ok(bytes) : await wrapImage(bytes, wrapping(uids, patient))
      if (!dicom.ok) return foreign(dicom.problem)
      return ok({
        facts: film,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        removed,
        warnings: [
          ...film.warnings.map(({ code }) => code),
          ...(identity === undefined ? [] : differences(identity, patient)),
        ],
        uids,
        dicom: dicom.value,
        rendered,
        input: floatBytes(reduced),
      })
    },
    close: () => pool.close(),
  }
}

/** Limits for uploads: the decoder's own, but no larger a file than a request may be. */
export const filmLimits: ImagingLimits = { ...defaultImagingLimits, fileBytesMax: filmBytesMax }

/** Something about the patient that the file says otherwise. */
export type Difference =
  | 'patient-id-differs'
  | 'name-differs'
  | 'birth-date-differs'
  | 'sex-differs'

/** What the file says otherwise than the chosen patient: never how. Absent in either is no difference. */
export function differences(identity: FilmIdentity, patient: Patient): readonly Difference[] {
  const differs = (given: string | undefined, known: readonly (string | undefined)[]): boolean => {
    const present = known.filter((one) => one !== undefined).map(folded)
    if (given === undefined || given.trim() === '' || present.length === 0) return false
    return !present.includes(folded(given))
  }
  const names = patient.name ?? []
  const numbers = (patient.identifier ?? []).map(({ value }) => value)
  const families = names.map(({ family }) => family)
  const givens = names.flatMap(({ given }) => [given?.[0], given?.join(' ')])
  const sex = patient.gender === 'unknown' ? undefined : patient.gender
  const found: readonly (readonly [Difference, boolean])[] = [
    ['patient-id-differs', differs(identity.patientId, numbers)],
    ['name-differs', differs(identity.family, families) || differs(identity.given, givens)],
    ['birth-date-differs', differs(identity.birthDate, [patient.birthDate])],
    ['sex-differs', differs(identity.sex, [sex])],
  ]
  return found.filter(([, isSo]) => isSo).map(([code]) => code)
}

function wrapping(uids: ExaminedFilm['uids'], patient: Patient): Parameters<typeof wrapImage>[1] {
  const [identifier, name] = [patient.identifier?.[0]?.value, patient.name?.[0]]
  const { gender } = patient
  return {
    studyInstanceUid: uids.study,
    seriesInstanceUid: uids.series,
    sopInstanceUid: uids.instance,
    patient: {
      patientId: identifier,
      name:
        name === undefined ? undefined : [name.family ?? '', name.given?.join(' ') ?? ''].join('^'),
      birthDate: patient.birthDate,
      sex: gender === 'unknown' ? undefined : gender,
    },
  }
}

/** A UID from a random UUID. @see DICOM PS3.5, B.2 */
function newUid(random: { bytes(length: number): Uint8Array }): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return `2.25.${BigInt(`0x${bytes.toString('hex')}`)}`
}

function foreign(problem: {
  readonly code: string
  readonly at: string
  readonly detail: string
}): { readonly ok: false; readonly problem: ApiProblem } {
  const status = ourFault.has(problem.code) ? 503 : problem.code === 'too-large' ? 413 : 422
  return { ok: false, problem: { ...problem, status } }
}
