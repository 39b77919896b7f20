/**
 * In which form a client wants to have the result: Azure's, or EAT's.
 *
 * @see RFC 9110, section 12.5.1; RFC 9782; docs/spec/ear.md
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { earProfile } from '@sealward/attestation/token'
import { limits } from '../limits.ts'

/** `azure`: JSON with a token in it. Otherwise the media type of the result, which stands alone. */
export type ResultFormat = 'azure' | EatMediaType

/** By RFC 9782; and by the draft of EAR, which was written before it. */
const eatMediaTypes = ['application/eat+jwt', 'application/eat-jwt'] as const

type EatMediaType = (typeof eatMediaTypes)[number]

/**
 * Reads `Accept`. Only who names EAT's media type, and prefers it to JSON, gets it: Azure's clients see no change.
 *
 * @returns the format, or `eat-profile-unknown` when all that is accepted is EAT of another profile.
 */
export function resultFormatOf(
  accept: string | undefined,
): Result<ResultFormat, Problem<'eat-profile-unknown'>> {
  const text = (accept ?? '').slice(0, limits.acceptCharactersMax)
  const ranges = partsOf(text, commaOutsideQuotes)
    .map(readRange)
    .filter(({ quality }) => quality > 0)
  const eat = ranges.filter((range) => eatMediaTypes.some((type) => type === range.type))
  if (eat.length === 0) return ok('azure')
  const known = eat.filter(({ profile }) => profile === undefined || profile === earProfile)
  const json = Math.max(0, ...ranges.filter(isJson).map(({ quality }) => quality))
  const best = known.reduce<Range | undefined>(
    (one, other) => (one === undefined || other.quality > one.quality ? other : one),
    undefined,
  )
  if (best === undefined) {
    return json > 0
      ? ok('azure')
      : refuse('eat-profile-unknown', 'accept', `eat_profile="${earProfile}" is what there is`)
  }
  return ok(best.quality >= json ? (best.type as EatMediaType) : 'azure')
}

/** With the profile that results have. */
export function contentTypeOf(mediaType: EatMediaType): string {
  return `${mediaType}; eat_profile="${earProfile}"`
}

interface Range {
  readonly type: string
  readonly quality: number
  readonly profile: string | undefined
}

function readRange(text: string): Range {
  const [type = '', ...parameters] = partsOf(text, semicolonOutsideQuotes)
  const named = new Map(
    parameters.map((parameter) => {
      const at = parameter.indexOf('=')
      const name = parameter.slice(0, Math.max(at, 0)).trim().toLowerCase()
      return [
        name,
        parameter
          .slice(at + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1'),
      ] as const
    }),
  )
  const quality = Number(named.get('q') ?? 1)
  return {
    type: type.toLowerCase(),
    quality: quality >= 0 && quality <= 1 ? quality : 0,
    profile: named.get('eat_profile'),
  }
}

/** The profile's own name has a comma in it. */
const commaOutsideQuotes = /(?:[^,"]|"[^"]*")+/g
const semicolonOutsideQuotes = /(?:[^;"]|"[^"]*")+/g

function partsOf(text: string, pattern: RegExp): readonly string[] {
  return (text.match(pattern) ?? []).map((part) => part.trim())
}

function isJson({ type }: Range): boolean {
  return ['application/json', 'application/*', '*/*'].includes(type)
}
