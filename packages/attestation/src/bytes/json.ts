/**
 * JSON that somebody else wrote: limited, and with one meaning only.
 *
 * @module
 */

import { textOf } from './bytes.ts'
import { ok, type Problem, type Result, refuse } from './result.ts'

/** Largest JSON text that is read. */
export interface JsonLimits {
  readonly bytesMax: number
  /** Nested arrays and objects; a bare value is 0 deep. */
  readonly depthMax: number
}

/** Why JSON text was refused. */
export type JsonCode =
  | 'json-too-large'
  | 'json-too-deep'
  | 'json-not-utf8'
  | 'json-malformed'
  | 'json-duplicate-key'

/**
 * Parses JSON.
 *
 * A name that occurs twice in one object is refused: RFC 8259 leaves its meaning open, and two readers
 * that disagree are how a check is walked around.
 *
 * @returns the value, or one of {@link JsonCode}.
 * @see RFC 8259; RFC 7493 (I-JSON), section 2.3
 */
export function jsonOf(input: Uint8Array, limits: JsonLimits): Result<unknown, Problem<JsonCode>> {
  if (input.length > limits.bytesMax) {
    return refuse('json-too-large', '@0x0', `more than ${limits.bytesMax} bytes`)
  }
  const text = textOf(input)
  if (text === undefined) return refuse('json-not-utf8', '@0x0', 'not UTF-8')
  // Parsed first: what follows may then rely on the text being JSON, and stays linear.
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refuse('json-malformed', '@0x0', 'not JSON')
  }
  const problem = structureProblem(text, limits.depthMax)
  return problem === undefined ? ok(value) : { ok: false, problem }
}

/** One open array (`undefined`) or object (the names it has had so far). */
type Open = Set<string> | undefined

/** Looks at nesting and names, in text that is known to be JSON. */
function structureProblem(text: string, depthMax: number): Problem<JsonCode> | undefined {
  const open: Open[] = []
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[[\]{}]/gs
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found, colon] = match
    const at = `@0x${match.index.toString(16)}`
    if (found === '{' || found === '[') {
      if (open.length === depthMax) {
        return { code: 'json-too-deep', at, detail: `deeper than ${depthMax}` }
      }
      open.push(found === '{' ? new Set() : undefined)
    } else if (found === '}' || found === ']') {
      open.pop()
    } else if (colon !== undefined) {
      const name = JSON.parse(found.slice(0, found.length - colon.length)) as string
      const names = open.at(-1)
      if (names?.has(name)) return { code: 'json-duplicate-key', at, detail: 'a name occurs twice' }
      names?.add(name)
    }
  }
  return undefined
}
