import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { outputs, sizeOf } from '../oip/tensors.ts'
import type { WorkerData, WorkerMessage, WorkerRequest } from './worker-messages.ts'

/** What the model makes of one film, by the names of its outputs. */
export interface Reading {
  readonly probability: Float32Array
  readonly logit: Float32Array
  readonly evidence_map: Float32Array
  readonly gate: Float32Array
}

/** Why a film was not read. Each may be tried again later. */
export type InferenceCode = 'busy' | 'inference-timed-out' | 'inference-failed' | 'stopping'

export interface InferenceOptions {
  /** The ONNX file. */
  readonly model: Uint8Array
  /** Threads, each with a session of its own. */
  readonly workers: number
  readonly waitingMax: number
  readonly waitMsMax: number
  readonly computeMsMax: number
  readonly loadMsMax: number
  /** Told when a worker had to be replaced. */
  readonly onLost?: () => void
  /** Another worker than the model's; only tests have one. */
  readonly workerUrl?: URL
}

/** The model at work, off the thread that answers requests. */
export interface Inference {
  /** Reads one film by itself: the same pixels give the same bits, whoever else is waiting. */
  read(image: Float32Array<ArrayBuffer>): Promise<Result<Reading, Problem<InferenceCode>>>
  /** Films that wait. */
  readonly waiting: number
  /** Whether a worker has the model loaded. */
  readonly ready: boolean
  /** Refuses what waits, lets what is being read come to its end, and ends the threads. */
  close(): Promise<void>
}

/**
 * Loads the model into its workers.
 *
 * @throws Error when the first worker cannot load it: the service is broken then.
 */
export async function createInference(options: InferenceOptions): Promise<Inference> {
  const url = options.workerUrl ?? workerUrl()
  const idle: Worker[] = []
  const alive = new Set<Worker>()
  const queue: Job[] = []
  const underWay = new Set<Promise<void>>()
  // How long one film takes, as it was lately; decides how many may wait.
  let millisecondsEach = 1
  let closing = false

  const start = async (): Promise<void> => {
    const worker = await load(url, options)
    worker.once('exit', () => {
      alive.delete(worker)
      const at = idle.indexOf(worker)
      if (at >= 0) idle.splice(at, 1)
    })
    if (closing) {
      await worker.terminate()
      return
    }
    alive.add(worker)
    idle.push(worker)
    next()
  }

  const replace = async (worker: Worker): Promise<void> => {
    alive.delete(worker)
    options.onLost?.()
    await worker.terminate()
    if (!closing) await start().catch(() => options.onLost?.())
  }

  const next = (): void => {
    const job = queue[0]
    const worker = idle.pop()
    if (job === undefined || worker === undefined) {
      if (worker !== undefined) idle.push(worker)
      return
    }
    queue.shift()
    const work = readWith(worker, job)
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }

  const readWith = async (worker: Worker, job: Job): Promise<void> => {
    const started = performance.now()
    const message = await ask(worker, { image: job.image }, options.computeMsMax)
    if (message?.kind === 'read') {
      millisecondsEach = 0.9 * millisecondsEach + 0.1 * (performance.now() - started)
      idle.push(worker)
      job.answer(readingOf(message.outputs))
      next()
      return
    }
    job.answer(
      message === undefined
        ? refuse('inference-timed-out', 'model', `not done in ${options.computeMsMax} ms`)
        : failed,
    )
    await replace(worker)
    next()
  }

  await Promise.all(Array.from({ length: options.workers }, start))
  return {
    get waiting() {
      return queue.length
    },
    get ready() {
      return !closing && alive.size > 0
    },
    read(image) {
      if (closing) return Promise.resolve(refuse('stopping', 'model', 'the service is stopping'))
      const waitMs = ((queue.length + 1) * millisecondsEach) / options.workers
      if (queue.length >= options.waitingMax || (queue.length > 0 && waitMs > options.waitMsMax)) {
        return Promise.resolve(refuse('busy', 'model', 'too many films are waiting'))
      }
      return new Promise((resolve) => {
        const job: Job = { image, answer: settle }
        // A film that nobody takes up in time must not be waited for, whatever was expected.
        const timer = setTimeout(() => {
          const at = queue.indexOf(job)
          if (at < 0) return
          queue.splice(at, 1)
          resolve(refuse('busy', 'model', 'too many films are waiting'))
        }, options.waitMsMax)
        function settle(result: Result<Reading, Problem<InferenceCode>>): void {
          clearTimeout(timer)
          resolve(result)
        }
        queue.push(job)
        next()
      })
    },
    async close() {
      closing = true
      for (const job of queue.splice(0)) {
        job.answer(refuse('stopping', 'model', 'the service is stopping'))
      }
      await Promise.all(underWay)
      await Promise.all(Array.from(alive, (worker) => worker.terminate()))
    },
  }
}

interface Job {
  readonly image: Float32Array<ArrayBuffer>
  readonly answer: (result: Result<Reading, Problem<InferenceCode>>) => void
}

const failed = refuse('inference-failed', 'model', 'the model could not be run')

/** The worker lies beside the bundle, or in the source tree. */
function workerUrl(): URL {
  const built = new URL('./inference-worker.js', import.meta.url)
  return existsSync(fileURLToPath(built))
    ? built
    : new URL('../inference-worker.ts', import.meta.url)
}

async function load(url: URL, options: InferenceOptions): Promise<Worker> {
  const data: WorkerData = { model: options.model }
  const worker = new Worker(url, { workerData: data, stdout: false, stderr: false })
  const message = await answerOf(worker, options.loadMsMax)
  if (message?.kind === 'ready') return worker
  await worker.terminate()
  throw new Error('the model cannot be loaded')
}

function ask(
  worker: Worker,
  request: WorkerRequest,
  patienceMs: number,
): Promise<WorkerMessage | undefined> {
  const answer = answerOf(worker, patienceMs)
  worker.postMessage(request)
  return answer
}

/** The worker's next message; `failed` when it ends instead, `undefined` when it takes too long. */
function answerOf(worker: Worker, patienceMs: number): Promise<WorkerMessage | undefined> {
  return new Promise((resolve) => {
    const settle = (message: WorkerMessage | undefined): void => {
      clearTimeout(timer)
      worker.off('message', settle)
      worker.off('error', end)
      worker.off('exit', end)
      resolve(message)
    }
    const end = (): void => settle({ kind: 'failed' })
    const timer = setTimeout(() => settle(undefined), patienceMs)
    worker.on('message', settle)
    worker.on('error', end)
    worker.on('exit', end)
  })
}

/** A model with other outputs than promised, or numbers that are none, has failed. */
function readingOf(
  found: Readonly<Record<string, Float32Array>>,
): Result<Reading, Problem<InferenceCode>> {
  const whole = outputs.every(({ name, shape }) => {
    const numbers = found[name]
    return numbers?.length === sizeOf(shape) && numbers.every(Number.isFinite)
  })
  return whole ? ok(found as unknown as Reading) : failed
}
