/**
 * Whether text is JSON, how deep it nests, and whether a name occurs twice: one pass, no recursion.
 *
 * `JSON.parse` of Node 26 was found, by fuzzing, to corrupt the process's memory over malformed text of a kind that
 * strangers can send. Nothing that fails here reaches it.
 *
 * @see RFC 8259
 * @module
 */

import type { Problem } from './result.ts'

/** Why text was refused. */
export type JsonSyntaxCode = 'json-too-deep' | 'json-malformed' | 'json-duplicate-key'

/** One open array (`undefined`) or object (the names it has had so far). */
type Open = Set<string> | undefined

/** What may come next. */
type Expected = 'value' | 'value-or-end' | 'name' | 'name-or-end' | 'comma-or-end'

/** The first problem of `text`, or `undefined` when it is JSON that nests at most `depthMax` deep. */
export function jsonProblem(text: string, depthMax: number): Problem<JsonSyntaxCode> | undefined {
  const problemAt = (
    at: number,
    code: JsonSyntaxCode,
    detail: string,
  ): Problem<JsonSyntaxCode> => ({
    code,
    at: `@0x${at.toString(16)}`,
    detail,
  })
  const open: Open[] = []
  let expected: Expected = 'value'
  let at = afterSpace(text, 0)
  while (at < text.length) {
    const malformed = (): Problem<JsonSyntaxCode> => problemAt(at, 'json-malformed', 'not JSON')
    const character = text.charCodeAt(at)
    const inObject = open.at(-1) !== undefined
    if (expected === 'comma-or-end') {
      if (open.length === 0) return malformed()
      if (character === code.comma) {
        expected = inObject ? 'name' : 'value'
        at = afterSpace(text, at + 1)
        continue
      }
    }
    if (character === (inObject ? code.closeBrace : code.closeBracket) && open.length > 0) {
      if (expected === 'value' || expected === 'name') return malformed()
      open.pop()
      expected = 'comma-or-end'
      at = afterSpace(text, at + 1)
      continue
    }
    if (expected === 'comma-or-end') return malformed()
    if (expected === 'name' || expected === 'name-or-end') {
      const end = afterString(text, at)
      if (end === undefined) return malformed()
      const name = nameIn(text, at, end)
      const names = open.at(-1)
      if (names?.has(name)) return problemAt(at, 'json-duplicate-key', 'a name occurs twice')
      names?.add(name)
      const colon = afterSpace(text, end)
      if (text.charCodeAt(colon) !== code.colon) return malformed()
      expected = 'value'
      at = afterSpace(text, colon + 1)
      continue
    }
    if (character === code.openBrace || character === code.openBracket) {
      if (open.length === depthMax) {
        return problemAt(at, 'json-too-deep', `deeper than ${depthMax}`)
      }
      open.push(character === code.openBrace ? new Set() : undefined)
      expected = character === code.openBrace ? 'name-or-end' : 'value-or-end'
      at = afterSpace(text, at + 1)
      continue
    }
    const end = afterString(text, at) ?? afterNumber(text, at) ?? afterWord(text, at)
    if (end === undefined) return malformed()
    expected = 'comma-or-end'
    at = afterSpace(text, end)
  }
  return expected === 'comma-or-end' && open.length === 0
    ? undefined
    : problemAt(text.length, 'json-malformed', 'not JSON')
}

function afterSpace(text: string, start: number): number {
  let at = start
  for (; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character !== 0x20 && character !== 0x0a && character !== 0x0d && character !== 0x09) break
  }
  return at
}

/** Index after the string that begins at `start`; `undefined`: none begins there, or it does not end. */
function afterString(text: string, start: number): number | undefined {
  if (text.charCodeAt(start) !== code.quote) return undefined
  for (let at = start + 1; ; ) {
    ordinary.lastIndex = at
    ordinary.test(text)
    at = ordinary.lastIndex
    const character = text.charCodeAt(at)
    if (character === code.quote) return at + 1
    if (character !== code.backslash) return undefined
    const escaped = text[at + 1] ?? ''
    at += 2
    if (escaped === 'u') {
      if (!/^[0-9a-fA-F]{4}$/.test(text.slice(at, at + 4))) return undefined
      at += 4
    } else if (escaped === '' || !'"\\/bfnrt'.includes(escaped)) {
      return undefined
    }
  }
}

/** Characters that stand for themselves: all but quote, backslash and controls. */
const ordinary = /[ !#-[\]-\uffff]*/y

/** Index after the number that begins at `start`; `undefined`: none does. */
function afterNumber(text: string, start: number): number | undefined {
  const first = text.charCodeAt(start) === code.minus ? start + 1 : start
  let at = afterDigits(text, first)
  if (at === first || (text.charCodeAt(first) === code.zero && at > first + 1)) return undefined
  if (text.charCodeAt(at) === code.point) {
    const end = afterDigits(text, at + 1)
    if (end === at + 1) return undefined
    at = end
  }
  const exponent = text[at]
  if (exponent !== 'e' && exponent !== 'E') return at
  const sign = text[at + 1]
  const digits = sign === '+' || sign === '-' ? at + 2 : at + 1
  const end = afterDigits(text, digits)
  return end === digits ? undefined : end
}

function afterDigits(text: string, start: number): number {
  let at = start
  while (text.charCodeAt(at) >= code.zero && text.charCodeAt(at) <= code.nine) at++
  return at
}

function afterWord(text: string, start: number): number | undefined {
  const word = ['true', 'false', 'null'].find((one) => text.startsWith(one, start))
  return word === undefined ? undefined : start + word.length
}

/** The name as it reads: two spellings of one name are one name. */
function nameIn(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1)
  return raw.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : raw
}

const code = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  point: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const
