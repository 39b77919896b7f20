/**
 * What people read of a token.
 *
 * @module
 */

import type { UnixSeconds } from '@sealward/attestation/bytes'
import { plain } from '../attest/print-token.ts'
import { rfc3339 } from '../evidence/instant.ts'
import { table } from '../evidence/print.ts'
import type { ReadToken } from './read-token.ts'
import { kindOf, kindWords } from './token-kind.ts'
import type { TokenWarning } from './warnings.ts'

/** Header, times and claims; `headline` says how much of it is believed. */
export function textOfToken(
  headline: string,
  token: ReadToken,
  at: UnixSeconds,
  notes: readonly string[],
): string {
  const { header, claims } = token
  return [
    `${headline}\n`,
    ...notes.map((note) => `  ${note}\n`),
    table([
      ['Kind', kindWords[kindOf(token)]],
      ...rowsOf('header ', header),
      ...instants.flatMap(([name, word]) => instantRow(word, claims[name], at)),
    ]),
    '\n',
    table(rowsOf('', claims)),
  ].join('')
}

export function warningNotes(warnings: readonly TokenWarning[]): readonly string[] {
  return warnings.map(({ code, detail }) => `Warning: ${code}: ${detail}.`)
}

const instants = [
  ['iat', 'Issued'],
  ['nbf', 'Counts from'],
  ['exp', 'Ends'],
] as const

function instantRow(
  word: string,
  value: unknown,
  at: UnixSeconds,
): readonly (readonly [string, string])[] {
  if (typeof value !== 'number' || Math.abs(value) > instantMax) return []
  const distance = spanOf(Math.abs(value - at))
  return [
    [word, `${rfc3339(Math.floor(value))}, ${value > at ? `in ${distance}` : `${distance} ago`}`],
  ]
}

const instantMax = 253_402_300_799

/** In the largest unit that it has two of. */
export function spanOf(seconds: number): string {
  const [length, unit] = units.find(([size]) => seconds >= 2 * size) ?? [1, 's']
  return `${Math.floor(seconds / length)} ${unit}`
}

const units: readonly (readonly [number, string])[] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
]

function rowsOf(
  prefix: string,
  values: Readonly<Record<string, unknown>>,
): readonly (readonly [string, string])[] {
  return Object.entries(values).map(([name, value]) => [
    plain(`${prefix}${name}`),
    plain(typeof value === 'string' ? value : JSON.stringify(value)),
  ])
}
