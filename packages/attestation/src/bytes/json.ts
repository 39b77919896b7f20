/**
 * JSON that somebody else wrote: limited, and with one meaning only.
 *
 * @module
 */

import { textOf } from './bytes.ts'
import { type JsonSyntaxCode, jsonProblem } from './json-syntax.ts'
import { ok, type Problem, type Result, refuse } from './result.ts'

/** Largest JSON text that is read. */
export interface JsonLimits {
  readonly bytesMax: number
  /** Nested arrays and objects; a bare value is 0 deep. */
  readonly depthMax: number
}

/** Why JSON text was refused. */
export type JsonCode = JsonSyntaxCode | 'json-too-large' | 'json-not-utf8'

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
  return text === undefined
    ? refuse('json-not-utf8', '@0x0', 'not UTF-8')
    : jsonOfText(text, limits.depthMax)
}

/**
 * Parses JSON that is text already; the caller has limited its length. Otherwise as {@link jsonOf}.
 *
 * @returns the value, or one of {@link JsonCode}; `json-not-utf8` for text that no UTF-8 stands for.
 */
export function jsonOfText(text: string, depthMax: number): Result<unknown, Problem<JsonCode>> {
  if (!text.isWellFormed()) return refuse('json-not-utf8', '@0x0', 'half a character')
  // Grammar first: engines have been seen to corrupt their memory over malformed text (see `json-syntax.ts`).
  const problem = jsonProblem(text, depthMax)
  return problem === undefined ? ok(JSON.parse(text) as unknown) : { ok: false, problem }
}
