/**
 * Policy text as tokens, each with its place.
 *
 * @module
 */

import { ok, type Problem, type Result, refuse } from '../bytes/index.ts'
import { policyLimits } from './limits.ts'
import type { PolicyParseCode } from './policy.ts'

export type TokenKind = 'word' | 'string' | 'number' | 'symbol' | 'end'

export interface Token {
  readonly kind: TokenKind
  /** A string's content without its quotes; otherwise the token as written. */
  readonly text: string
  /** `line:col`, both from 1. */
  readonly at: string
}

/** Longest first: `=>` is not `=` and `>`. */
const pattern =
  /(?<space>\s+|\/\/[^\n]*)|(?<string>"[^"\n]*")|(?<number>-?\d+(?:\.\d+)?)|(?<word>[A-Za-z_][A-Za-z0-9_]*)|(?<symbol>=>|&&|==|!=|<=|>=|[<>=!:;,.(){}[\]])/y

/**
 * Splits policy text into tokens; the last is of kind `end`.
 *
 * A string runs to the next double quote on its line; no escapes are known to it.
 *
 * @returns the tokens, or `policy-too-long`, `policy-syntax`.
 */
export function tokensOf(text: string): Result<readonly Token[], Problem<PolicyParseCode>> {
  if (text.length > policyLimits.charactersMax) {
    return refuse('policy-too-long', '1:1', `more than ${policyLimits.charactersMax} characters`)
  }
  const tokens: Token[] = []
  const place = placesOf(text)
  pattern.lastIndex = 0
  while (pattern.lastIndex < text.length) {
    const offset = pattern.lastIndex
    const at = place(offset)
    const groups = pattern.exec(text)?.groups
    if (groups === undefined) {
      return refuse('policy-syntax', at, 'a character that no token starts with, or an open string')
    }
    const [kind, found] = kindOf(groups)
    if (kind === 'space') continue
    const content = kind === 'string' ? found.slice(1, -1) : found
    if (content.length > policyLimits.literalCharactersMax) {
      return refuse('policy-too-long', at, 'a literal or name is too long')
    }
    tokens.push({ kind, text: content, at })
  }
  tokens.push({ kind: 'end', text: 'end of policy', at: place(text.length) })
  return ok(tokens)
}

function kindOf(
  groups: Record<string, string | undefined>,
): readonly [Exclude<TokenKind, 'end'> | 'space', string] {
  for (const kind of ['space', 'string', 'number', 'word', 'symbol'] as const) {
    const found = groups[kind]
    if (found !== undefined) return [kind, found]
  }
  throw new Error('unreachable: a match belongs to one group')
}

/** Line and column of offsets that are asked for in ascending order. */
function placesOf(text: string): (offset: number) => string {
  let line = 1
  let lineStart = 0
  let seen = 0
  return (offset) => {
    for (; seen < offset; seen++) {
      if (text[seen] === '\n') {
        line++
        lineStart = seen + 1
      }
    }
    return `${line}:${offset - lineStart + 1}`
  }
}
