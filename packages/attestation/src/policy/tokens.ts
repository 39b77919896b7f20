/**
 * Policy text as tokens, each with its place and the comments before it.
 *
 * @module
 */

import { ok, type Problem, type Result, refuse } from '../bytes/index.ts'
import { policyLimits } from './limits.ts'
import type { PolicyParseCode } from './policy.ts'

export type TokenKind = 'word' | 'string' | 'number' | 'symbol' | 'end'

export interface Token {
  readonly kind: TokenKind
  /** A string's content without its quotes, escapes as written; otherwise the token as written. */
  readonly text: string
  /** `line:col`, both from 1. */
  readonly at: string
  /** In UTF-16 units. */
  readonly offset: number
  /** Those between the token before and this one, without their slashes. */
  readonly comments: readonly Comment[]
}

export interface Comment {
  readonly text: string
  /** Whether the token before it ends on its line: it is about what stands there. */
  readonly trailing: boolean
}

/** Longest first: `=>` is not `=` and `>`. A string is closed by a quote without a backslash before it. */
const pattern =
  /(?<space>\s+)|(?<comment>\/\/[^\n]*)|(?<string>"(?:[^"\\\n]|\\[^\n])*")|(?<number>-?\d+(?:\.\d+)?)|(?<word>[A-Za-z_][A-Za-z0-9_]*)|(?<symbol>=>|&&|==|!=|<=|>=|[<>=!:;,.(){}[\]])/y

/**
 * Splits policy text into tokens; the last is of kind `end`.
 *
 * @returns the tokens, or `policy-too-long`, `policy-syntax`.
 */
export function tokensOf(text: string): Result<readonly Token[], Problem<PolicyParseCode>> {
  if (text.length > policyLimits.charactersMax) {
    return refuse('policy-too-long', '1:1', `more than ${policyLimits.charactersMax} characters`)
  }
  const tokens: Token[] = []
  const place = placesOf(text)
  let comments: Comment[] = []
  let isLineNew = true
  pattern.lastIndex = 0
  while (pattern.lastIndex < text.length) {
    const offset = pattern.lastIndex
    const groups = pattern.exec(text)?.groups
    if (groups === undefined) {
      return refuse('policy-syntax', place(offset), unreadable(text.slice(offset)))
    }
    const [kind, found] = kindOf(groups)
    if (kind === 'space') {
      isLineNew ||= found.includes('\n')
      continue
    }
    if (kind === 'comment') {
      comments.push({ text: found.slice(2).trim(), trailing: !isLineNew })
      continue
    }
    const at = place(offset)
    const content = kind === 'string' ? found.slice(1, -1) : found
    if (content.length > policyLimits.literalCharactersMax) {
      return refuse('policy-too-long', at, 'a literal or name is too long')
    }
    tokens.push({ kind, text: content, at, offset, comments })
    comments = []
    isLineNew = false
  }
  const offset = text.length
  tokens.push({ kind: 'end', text: '', at: place(offset), offset, comments })
  return ok(tokens)
}

/** Why nothing can be read here. */
function unreadable(rest: string): string {
  const line = rest.split('\n', 1)[0] ?? ''
  if (/^[“”„‘’']/.test(rest)) return 'a typographic or single quote: strings stand in " and "'
  if (rest.startsWith('"')) {
    return /[“”]/.test(line)
      ? 'a string that begins with " and does not end with it: “ and ” are other characters'
      : 'a string that does not end on its line'
  }
  return 'a character that nothing begins with'
}

function kindOf(
  groups: Record<string, string | undefined>,
): readonly [Exclude<TokenKind, 'end'> | 'space' | 'comment', string] {
  for (const kind of ['space', 'comment', 'string', 'number', 'word', 'symbol'] as const) {
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
