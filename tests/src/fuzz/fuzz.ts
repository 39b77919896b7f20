import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mutated, randomOf } from './mutated.ts'
import type { FuzzTarget } from './targets.ts'

/** What a parser may use. Generous: what is looked for is growth with no end. */
export const fuzzLimits = {
  /** Milliseconds that one input may take: the median of some runs, because other programs run too. */
  inputMsMax: 250,
  runsAgain: 5,
  /** Bytes that a whole run may leave behind, beside the inputs that it goes on from. */
  memoryBytesMax: 33_554_432,
  /** Bytes of an input. */
  inputBytesMax: 1_048_576,
  /** Accepted inputs that are gone on from, beside the seeds, and bytes of the longest of them. */
  corpusInputsMax: 64,
  corpusInputBytesMax: 65_536,
} as const

/** An input that a parser does not stand. */
export interface Finding {
  readonly target: string
  /** What went wrong. */
  readonly what: string
  readonly input: Uint8Array
}

export interface FuzzReport {
  readonly target: string
  readonly executions: number
  /** How many of the inputs the parser accepted. */
  readonly accepted: number
  readonly seconds: number
  readonly longestMs: number
  readonly finding: Finding | undefined
}

export interface FuzzSettings {
  /** The same seed and the same seeds of the target make the same inputs in the same order. */
  readonly seed: number
  readonly executionsMax: number
  readonly secondsMax: number
  /** That of {@link fuzzLimits} unless said. */
  readonly inputMsMax?: number
}

/**
 * Runs one parser on its seeds and on inputs made from them, until so many are done or so long has passed.
 */
export async function fuzz(
  { name, seeds, captured = [], run }: FuzzTarget,
  { seed, executionsMax, secondsMax, inputMsMax = fuzzLimits.inputMsMax }: FuzzSettings,
): Promise<FuzzReport> {
  const random = randomOf(seed)
  const corpus = [...seeds, ...captured]
  const corpusMax = corpus.length + fuzzLimits.corpusInputsMax
  const unchanged = corpus.slice()
  const started = performance.now()
  bytesBefore ??= bytesInUse()
  let [longestMs, executions, accepted] = [0, 0, 0]
  let finding: Finding | undefined
  while (executions < executionsMax && performance.now() - started < 1000 * secondsMax) {
    const input = unchanged.shift() ?? mutated(corpus, random, fuzzLimits.inputBytesMax)
    const outcome = await outcomeOf(run, input)
    executions += 1
    longestMs = Math.max(longestMs, outcome.ms)
    const what =
      outcome.thrown ??
      (outcome.ms > inputMsMax && (await isSlow(run, input, inputMsMax))
        ? 'takes too long'
        : undefined)
    if (what !== undefined) {
      finding = { target: name, what, input }
      break
    }
    if (!outcome.accepted) continue
    accepted += 1
    if (corpus.length < corpusMax && input.length <= fuzzLimits.corpusInputBytesMax) {
      corpus.push(input)
    }
  }
  const seconds = (performance.now() - started) / 1000
  const kept = corpusMax * fuzzLimits.corpusInputBytesMax + fuzzLimits.memoryBytesMax
  // A collection takes as long as hundreds of inputs: it is made only where so much is in use that it may be kept.
  const mayKeep = bytesInUse('with-garbage') - bytesBefore > kept
  if (finding === undefined && mayKeep && bytesInUse() - bytesBefore > kept) {
    finding = { target: name, what: 'keeps memory', input: new Uint8Array() }
  }
  return { target: name, executions, accepted, seconds, longestMs, finding }
}

/** Runs a parser on one input, as {@link fuzz} would. */
export async function fuzzOnce(
  { name, run }: FuzzTarget,
  input: Uint8Array,
  inputMsMax: number = fuzzLimits.inputMsMax,
): Promise<Finding | undefined> {
  const { thrown } = await outcomeOf(run, input)
  const what = thrown ?? ((await isSlow(run, input, inputMsMax)) ? 'takes too long' : undefined)
  return what === undefined ? undefined : { target: name, what, input }
}

interface Outcome {
  readonly ms: number
  readonly accepted: boolean
  readonly thrown: string | undefined
}

async function outcomeOf(run: FuzzTarget['run'], input: Uint8Array): Promise<Outcome> {
  const started = performance.now()
  try {
    const { ok } = await run(input)
    return { ms: performance.now() - started, accepted: ok, thrown: undefined }
  } catch (error) {
    return { ms: performance.now() - started, accepted: false, thrown: `throws ${String(error)}` }
  }
}

async function isSlow(
  run: FuzzTarget['run'],
  input: Uint8Array,
  inputMsMax: number,
): Promise<boolean> {
  const times: number[] = []
  while (times.length < fuzzLimits.runsAgain) times.push((await outcomeOf(run, input)).ms)
  const median = times.toSorted((a, b) => a - b)[fuzzLimits.runsAgain >> 1] ?? 0
  return median > inputMsMax
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Before the first run of this process: what several keep adds up, and the one is named with which it is too much. */
let bytesBefore: number | undefined

/** What is still referred to, buffers included; `with-garbage`, what may be. */
function bytesInUse(counted: 'collected' | 'with-garbage' = 'collected'): number {
  // Buffers are freed after the collection that found them unused; the next one waits for that.
  for (let count = 0; counted === 'collected' && count < 2; count++) collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
