import { isDicom, openDicom } from './dicom-file.ts'
import type { Film, FilmProblem } from './film.ts'
import { chestRadiographGate } from './gate.ts'
import { identityOf } from './identity.ts'
import type { ImagingLimits } from './limits.ts'
import type { Examination } from './pool.ts'
import { readFilm } from './read-film.ts'
import { outcomeOf } from './refusal.ts'
import { removedElements, removedOf } from './removed.ts'
import { renderPng } from './render.ts'
import { areaAverage } from './scale.ts'

/** What a worker is asked to do with one film. */
export interface WorkerTask {
  readonly bytes: Uint8Array
  readonly limits: ImagingLimits
  readonly contentType: string | undefined
  readonly examine: ExamineTask | undefined
}

export interface ExamineTask {
  readonly reducedSide: number
  readonly renderLongestSideMax: number | undefined
}

type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: FilmProblem }

/** What a worker answers: the film, or the examination where one was asked for. */
export type WorkerAnswer =
  | ({ readonly kind: 'film' } & Answer<Film>)
  | ({ readonly kind: 'examination' } & Answer<Examination>)

/** Does a worker's task. Pure: it is here, and not in the worker, so that it can be tested without one. */
export async function carryOut(task: WorkerTask): Promise<WorkerAnswer> {
  const { bytes, limits, contentType, examine } = task
  const film = await readFilm(bytes, {
    limits,
    ...(contentType === undefined ? {} : { contentType }),
  })
  if (examine === undefined) return { kind: 'film', ...film }
  if (!film.ok) return { kind: 'examination', ...film }
  return {
    kind: 'examination',
    ...outcomeOf(() => examination(film.value, bytes, limits, examine)),
  }
}

function examination(
  film: Film,
  bytes: Uint8Array,
  limits: ImagingLimits,
  { reducedSide, renderLongestSideMax }: ExamineTask,
): Examination {
  const { grey: _, ...facts } = film
  const dataSet = isDicom(bytes) ? openDicom(bytes, limits).dataSet : undefined
  const notes = dataSet === undefined ? removedElements(bytes, limits) : undefined
  const inPicture = notes?.ok ? notes.value : []
  return {
    film: facts,
    gate: chestRadiographGate(facts),
    reduced: areaAverage(film, reducedSide, reducedSide),
    rendered:
      renderLongestSideMax === undefined
        ? undefined
        : renderPng(film, { longestSideMax: renderLongestSideMax }),
    identity: dataSet === undefined ? undefined : identityOf(dataSet),
    removed: dataSet === undefined ? inPicture : removedOf(dataSet),
  }
}
