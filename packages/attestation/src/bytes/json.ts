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
  // Parsed first: what follows may then rely on the text being JSON, and stays linear.
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refuse('json-malformed', '@0x0', 'not JSON')
  }
  const problem = structureProblem(text, depthMax)
  return problem === undefined ? ok(value) : { ok: false, problem }
}

/** One open array (`undefined`) or object (the names it has had so far). */
type Open = Set<string> | undefined

/** Looks at nesting and names, in text that is known to be JSON: only strings, brackets and colons matter. */
function structureProblem(text: string, depthMax: number): Problem<JsonCode> | undefined {
  const open: Open[] = []
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case code.quote: {
        const end = endOfString(text, index)
        const names = open.at(-1)
        if (names !== undefined && isName(text, end)) {
          const name = nameIn(text, index, end)
          if (names.has(name)) {
            return { code: 'json-duplicate-key', at: placeOf(index), detail: 'a name occurs twice' }
          }
          names.add(name)
        }
        index = end
        break
      }
      case code.openBrace:
      case code.openBracket:
        if (open.length === depthMax) {
          const detail = `deeper than ${depthMax}`
          return { code: 'json-too-deep', at: placeOf(index), detail }
        }
        open.push(text.charCodeAt(index) === code.openBrace ? new Set() : undefined)
        break
      case code.closeBrace:
      case code.closeBracket:
        open.pop()
        break
      default:
    }
  }
  return undefined
}

/** Index of the quotation mark that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text.charCodeAt(before) === code.backslash) before--
    // An even number of backslashes escape each other, and not the mark.
    if ((end - 1 - before) % 2 === 0) return end
  }
}

/** Whether the string that ends at `end` is followed by a colon. */
function isName(text: string, end: number): boolean {
  let next = end + 1
  while (text.charCodeAt(next) <= code.space) next++
  return text.charCodeAt(next) === code.colon
}

/** The name as it reads: two spellings of one name are one name. */
function nameIn(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end)
  return raw.includes('\\') ? (JSON.parse(text.slice(start, end + 1)) as string) : raw
}

function placeOf(index: number): string {
  return `@0x${index.toString(16)}`
}

const code = {
  space: 0x20,
  quote: 0x22,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const
