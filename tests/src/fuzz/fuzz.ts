import type { FuzzTarget } from './targets.ts'

export const fuzzLimits = {
  /** Milliseconds that one input may take, the best of a few runs counted: other programs run too. */
  inputMsMax: 250,
  runsAgain: 3,
  /** Bytes of an input. */
  inputBytesMax: 1_048_576,
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
  readonly seconds: number
  readonly longestMs: number
  readonly finding: Finding | undefined
}

/**
 * Runs one parser on inputs made from its seeds, until so many are done or so long has passed.
 *
 * @param seed - the same seed makes the same inputs in the same order.
 */
export function fuzz(
  { name, seeds, run }: FuzzTarget,
  { seed, executionsMax, secondsMax }: { seed: number; executionsMax: number; secondsMax: number },
): FuzzReport {
  const random = randomOf(seed)
  const corpus = [...seeds]
  const started = performance.now()
  let longestMs = 0
  let executions = 0
  let finding: Finding | undefined
  while (executions < executionsMax && performance.now() - started < 1000 * secondsMax) {
    const input = mutated(corpus, random)
    const outcome = outcomeOf(run, input)
    executions += 1
    longestMs = Math.max(longestMs, outcome.ms)
    const what =
      outcome.thrown ??
      (outcome.ms > fuzzLimits.inputMsMax && isSlow(run, input) ? 'takes too long' : undefined)
    if (what !== undefined) {
      finding = { target: name, what, input }
      break
    }
    // What is accepted is worth starting from.
    if (outcome.accepted && corpus.length < 64) corpus.push(input)
  }
  const seconds = (performance.now() - started) / 1000
  return { target: name, executions, seconds, longestMs, finding }
}

interface Outcome {
  readonly ms: number
  readonly accepted: boolean
  readonly thrown: string | undefined
}

function outcomeOf(run: FuzzTarget['run'], input: Uint8Array): Outcome {
  const started = performance.now()
  try {
    const result = run(input) as { readonly ok?: boolean } | undefined
    return { ms: performance.now() - started, accepted: result?.ok === true, thrown: undefined }
  } catch (error) {
    return { ms: performance.now() - started, accepted: false, thrown: `throws ${String(error)}` }
  }
}

function isSlow(run: FuzzTarget['run'], input: Uint8Array): boolean {
  const times = Array.from({ length: fuzzLimits.runsAgain }, () => outcomeOf(run, input).ms)
  return Math.min(...times) > fuzzLimits.inputMsMax
}

type Random = (below: number) => number

/** xorshift: small, and the same everywhere. */
function randomOf(seed: number): Random {
  let state = (seed ^ 0x9e37_79b9) >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}

const interesting = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x30, 0x22, 0x7b, 0x5b, 0x2d]

function mutated(corpus: readonly Uint8Array[], random: Random): Uint8Array {
  const pick = (): Uint8Array => corpus[random(corpus.length)] ?? new Uint8Array()
  let bytes = [...pick().subarray(0, fuzzLimits.inputBytesMax)]
  for (let change = random(6); change >= 0; change--) {
    const at = random(bytes.length + 1)
    const length = random(Math.min(64, bytes.length - at + 1) + 1)
    switch (random(8)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
        break
      case 1:
        bytes[at] = interesting[random(interesting.length)] ?? 0
        break
      case 2:
        bytes = bytes.slice(0, at)
        break
      case 3:
        bytes.splice(at, length)
        break
      case 4:
        bytes.splice(at, 0, ...bytes.slice(at, at + length))
        break
      case 5: {
        const other = pick()
        const from = random(other.length + 1)
        bytes.splice(at, length, ...other.subarray(from, from + random(256)))
        break
      }
      case 6:
        for (let index = at; index < Math.min(at + 4, bytes.length); index++) bytes[index] = 0xff
        break
      default:
        bytes.splice(at, 0, ...Array.from({ length }, () => random(256)))
    }
  }
  return Uint8Array.from(bytes.slice(0, fuzzLimits.inputBytesMax), (byte) => byte ?? 0)
}
