import type { Result } from '@sealward/attestation/bytes'
import type { Film, FilmIdentity, FilmProblem, GateProblem } from './film.ts'
import type { ChestRadiograph, FilmFacts } from './gate.ts'
import type { ImagingLimits } from './limits.ts'
import type { ReadOptions } from './read-film.ts'

/** All that a platform needs of an upload, made in one worker run: the full-size pixels never leave it. */
export interface Examination {
  readonly film: FilmFacts
  readonly gate: Result<ChestRadiograph<FilmFacts>, GateProblem>
  /** `side * side` grey values for the model: `areaAverage(film, side, side)`. */
  readonly reduced: Float32Array
  /** 8-bit grey PNG; absent unless asked for. */
  readonly rendered: Uint8Array | undefined
  /** Absent for PNG and JPEG. Patient data. */
  readonly identity: FilmIdentity | undefined
  /** Keywords of identifying elements, for the clerk: see `deidentify`. */
  readonly removed: readonly string[]
}

export interface ExamineOptions extends Omit<ReadOptions, 'limits'> {
  readonly signal?: AbortSignal
  /** Asks for `rendered`. */
  readonly renderLongestSideMax?: number
  /** Side of `reduced`, 64 unless told. */
  readonly reducedSide?: number
}

export interface WorkerPoolOptions {
  /** Workers that run at once. */
  readonly workers?: number
  /** Films that wait for a worker at most. */
  readonly waitingMax?: number
  readonly limits?: ImagingLimits
  /** Where the worker's program is; beside this module unless told. */
  readonly workerUrl?: URL
}

export interface ImagingWorkerPool {
  readFilm(
    bytes: Uint8Array,
    options?: { readonly contentType?: string; readonly signal?: AbortSignal },
  ): Promise<Result<Film, FilmProblem>>
  examine(bytes: Uint8Array, options?: ExamineOptions): Promise<Result<Examination, FilmProblem>>
  close(): Promise<void>
}

export function createImagingWorkerPool(_options?: WorkerPoolOptions): ImagingWorkerPool {
  throw new Error('being built')
}

/** Reads one film in a worker of its own. */
export function decodeInWorker(
  _bytes: Uint8Array,
  _limits: ImagingLimits,
  _options?: {
    readonly signal?: AbortSignal
    readonly contentType?: string
    readonly workerUrl?: URL
  },
): Promise<Result<Film, FilmProblem>> {
  throw new Error('being built')
}

/** Examines one film in a worker of its own. */
export function examineInWorker(
  _bytes: Uint8Array,
  _limits: ImagingLimits,
  _options?: ExamineOptions & { readonly workerUrl?: URL },
): Promise<Result<Examination, FilmProblem>> {
  throw new Error('being built')
}
