import { Worker } from 'node:worker_threads'
import { type Result, refuse } from '@sealward/attestation/bytes'
import type { Film, FilmIdentity, FilmProblem, GateProblem } from './film.ts'
import type { ChestRadiograph, FilmFacts } from './gate.ts'
import { defaultImagingLimits, type ImagingLimits } from './limits.ts'
import type { WorkerAnswer, WorkerTask } from './worker-task.ts'

/**
 * All that a platform needs of an upload, made in one worker run: the full-size pixels never leave
 * the worker.
 */
export interface Examination {
  readonly film: FilmFacts
  readonly gate: Result<ChestRadiograph<FilmFacts>, GateProblem>
  /** `side * side` grey values for the model: `areaAverage(film, side, side)`. */
  readonly reduced: Float32Array
  /** 8-bit grey PNG; absent unless asked for. */
  readonly rendered: Uint8Array | undefined
  /** Absent for PNG and JPEG. Patient data. */
  readonly identity: FilmIdentity | undefined
  /** Keywords of identifying elements, for the clerk: see `removedElements`. */
  readonly removed: readonly string[]
}

export interface DecodeOptions {
  /** What the sender calls the bytes. When given, the content must be that. */
  readonly contentType?: string
  /** Stops the worker: `cancelled`. */
  readonly signal?: AbortSignal
}

export interface ExamineOptions extends DecodeOptions {
  /** Asks for `rendered`. */
  readonly renderLongestSideMax?: number
  /** Side of `reduced`, 64 unless told. */
  readonly reducedSide?: number
}

/** Where the worker's program is; beside this module unless told. */
export interface WorkerPlace {
  readonly workerUrl?: URL
}

export interface WorkerPoolOptions extends WorkerPlace {
  /** Workers that run at once; 2 unless told. */
  readonly workers?: number
  /** Films that wait for a worker at most, 32 unless told; the next one is refused with `busy`. */
  readonly waitingMax?: number
  readonly limits?: ImagingLimits
}

/** Reads films, a limited number at a time, each in a worker of its own. */
export interface ImagingWorkerPool {
  readFilm(bytes: Uint8Array, options?: DecodeOptions): Promise<Result<Film, FilmProblem>>
  examine(bytes: Uint8Array, options?: ExamineOptions): Promise<Result<Examination, FilmProblem>>
  /** Stops what runs, refuses what waits, and resolves when no worker is left. */
  close(): Promise<void>
}

/**
 * Makes a pool.
 *
 * A worker reads one film and ends: what a hostile file does to its memory ends with it, and no
 * film's pixels are there when the next one is read. Spare workers are started ahead.
 */
export function createImagingWorkerPool({
  workers = 2,
  waitingMax = 32,
  limits = defaultImagingLimits,
  workerUrl = besideThisModule,
}: WorkerPoolOptions = {}): ImagingWorkerPool {
  const closing = new AbortController()
  const slots = createSlots(workers, waitingMax)
  const running = new Set<Promise<unknown>>()
  let spare: Worker | undefined

  const startSpare = (): void => {
    const worker = startWorker(workerUrl, limits)
    spare = worker
    worker.unref()
    // A worker that cannot start says so again to the film that needs it.
    const forget = (): void => {
      if (spare === worker) spare = undefined
    }
    worker.once('error', forget)
    worker.once('exit', forget)
  }
  const takeWorker = (): Worker => {
    const worker = spare ?? startWorker(workerUrl, limits)
    spare = undefined
    return worker
  }
  const run = async (
    task: WorkerTask,
    signal: AbortSignal | undefined,
  ): Promise<WorkerAnswer | Failure> => {
    const stop = signal === undefined ? closing.signal : AbortSignal.any([closing.signal, signal])
    if (stop.aborted) return cancelled
    const slot = await slots.take(stop)
    if (slot === 'full') return refuse('busy', 'worker', 'too many films are waiting')
    if (slot === 'stopped') return cancelled
    try {
      return await answerOf(takeWorker(), task, stop)
    } finally {
      if (!closing.signal.aborted && spare === undefined) startSpare()
      slots.giveBack()
    }
  }
  const track = <T>(answer: Promise<T>): Promise<T> => {
    running.add(answer)
    const forget = (): void => void running.delete(answer)
    answer.then(forget, forget)
    return answer
  }

  return {
    readFilm: async (bytes, { signal, contentType } = {}) =>
      filmIn(await track(run({ bytes, limits, contentType, examine: undefined }, signal))),
    examine: async (bytes, options = {}) =>
      examinationIn(await track(run(examineTask(bytes, limits, options), options.signal))),
    close: async () => {
      closing.abort()
      await Promise.allSettled(running)
      await spare?.terminate()
      spare = undefined
    },
  }
}

/** Reads one film in a worker of its own. */
export async function decodeInWorker(
  bytes: Uint8Array,
  limits: ImagingLimits,
  { signal, contentType, workerUrl = besideThisModule }: DecodeOptions & WorkerPlace = {},
): Promise<Result<Film, FilmProblem>> {
  if (signal?.aborted) return cancelled
  const task = { bytes, limits, contentType, examine: undefined }
  return filmIn(await answerOf(startWorker(workerUrl, limits), task, signal))
}

/** Examines one film in a worker of its own. */
export async function examineInWorker(
  bytes: Uint8Array,
  limits: ImagingLimits,
  options: ExamineOptions & WorkerPlace = {},
): Promise<Result<Examination, FilmProblem>> {
  const { signal, workerUrl = besideThisModule } = options
  if (signal?.aborted) return cancelled
  const task = examineTask(bytes, limits, options)
  return examinationIn(await answerOf(startWorker(workerUrl, limits), task, signal))
}

interface Slots {
  /** Resolves when one of the slots is the caller's. */
  take(stop: AbortSignal): Promise<'taken' | 'full' | 'stopped'>
  giveBack(): void
}

function createSlots(count: number, waitingMax: number): Slots {
  const waiting = new Set<() => void>()
  let free = count
  return {
    take: async (stop) => {
      if (free > 0) {
        free--
        return 'taken'
      }
      if (waiting.size >= waitingMax) return 'full'
      const { promise, resolve } = Promise.withResolvers<'taken' | 'stopped'>()
      const turn = (): void => resolve('taken')
      const leave = (): void => {
        if (waiting.delete(turn)) resolve('stopped')
      }
      waiting.add(turn)
      stop.addEventListener('abort', leave, { once: true })
      const outcome = await promise
      stop.removeEventListener('abort', leave)
      return outcome
    },
    giveBack: () => {
      const [next] = waiting
      if (next === undefined) {
        free++
      } else {
        waiting.delete(next)
        next()
      }
    },
  }
}

interface Failure {
  readonly ok: false
  readonly problem: FilmProblem
}

const cancelled: Failure = refuse('cancelled', 'worker', 'reading was stopped')

/** From source the worker is a TypeScript file; a bundle has it beside itself, see `build.ts`. */
const besideThisModule: URL = import.meta.url.endsWith('.ts')
  ? new URL('./worker.ts', import.meta.url)
  : new URL('./imaging-worker.js', import.meta.url)

function startWorker(url: URL, limits: ImagingLimits): Worker {
  return new Worker(url, {
    resourceLimits: { maxOldGenerationSizeMb: limits.workerHeapMegabytesMax, stackSizeMb: 4 },
    // Nothing of a film can reach a log by way of a worker's output.
    stdout: true,
    stderr: true,
    stdin: false,
    env: {},
    execArgv: [],
    argv: [],
  })
}

/** Gives the task to a worker, waits within the wall time, and ends the worker whatever came. */
async function answerOf(
  worker: Worker,
  task: WorkerTask,
  signal: AbortSignal | undefined,
): Promise<WorkerAnswer | Failure> {
  const { wallMillisecondsMax } = task.limits
  worker.ref()
  const { promise, resolve, reject } = Promise.withResolvers<WorkerAnswer | Failure>()
  const timer = setTimeout(
    () => resolve(refuse('timed-out', 'worker', `not read within ${wallMillisecondsMax} ms`)),
    wallMillisecondsMax,
  )
  const stop = (): void => resolve(cancelled)
  signal?.addEventListener('abort', stop, { once: true })
  worker.once('message', resolve)
  worker.once('exit', () => reject(new Error('the imaging worker ended without an answer')))
  worker.once('error', (error: Error & { code?: string }) => {
    if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
      resolve(refuse('out-of-memory', 'worker', 'the film does not fit into memory'))
    } else {
      reject(error)
    }
  })
  try {
    // Copied, not moved: the caller keeps its film.
    worker.postMessage(task)
    return await promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
    await worker.terminate()
  }
}

function examineTask(
  bytes: Uint8Array,
  limits: ImagingLimits,
  { contentType, renderLongestSideMax, reducedSide = 64 }: ExamineOptions,
): WorkerTask {
  return { bytes, limits, contentType, examine: { reducedSide, renderLongestSideMax } }
}

function filmIn(answer: WorkerAnswer | Failure): Result<Film, FilmProblem> {
  if (!answer.ok) return { ok: false, problem: answer.problem }
  if ('kind' in answer && answer.kind === 'film') return { ok: true, value: answer.value }
  throw new Error('the imaging worker answered another question')
}

function examinationIn(answer: WorkerAnswer | Failure): Result<Examination, FilmProblem> {
  if (!answer.ok) return { ok: false, problem: answer.problem }
  if ('kind' in answer && answer.kind === 'examination') return { ok: true, value: answer.value }
  throw new Error('the imaging worker answered another question')
}
