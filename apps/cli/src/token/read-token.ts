/**
 * A token as somebody has it: in a file, in an answer of a service, on standard input.
 *
 * @module
 */

import { bytesOfBase64Url, jsonOf, ok, textOf } from '@sealward/attestation/bytes'
import { tokenLimits } from '@sealward/attestation/token'
import { bytesIn } from '../evidence/read-file.ts'
import { badInput, type Outcome } from '../problem.ts'

/** A compact JWS, and what its parts say. Nobody has verified it. */
export interface ReadToken {
  readonly text: string
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  /** Characters of the signature. */
  readonly signatureLength: number
}

/** Members under which services answer with a token. */
const members = ['token', 'access_token', 'challenge'] as const

/**
 * Reads one.
 *
 * @param file - `-` for standard input.
 * @param option - what is named in a refusal.
 * @returns the token; or `file-…`, `token-malformed`.
 */
export async function readToken(file: string, option: string): Promise<Outcome<ReadToken>> {
  const bytes = await bytesIn(file, option)
  if (!bytes.ok) return bytes
  const content = textOf(bytes.value)?.trim()
  if (content === undefined) return malformed(option)
  return readTokenText(tokenIn(bytes.value) ?? content.replace(/^Bearer\s+/i, ''), option)
}

/** Reads a compact JWS from text. */
export function readTokenText(text: string, option: string): Outcome<ReadToken> {
  if (text.length > tokenLimits.denyListCharactersMax) return malformed(option)
  const [encodedHeader = '', encodedClaims = '', signature, ...more] = text.split('.')
  const header = objectIn(encodedHeader)
  const claims = objectIn(encodedClaims)
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0) {
    return malformed(option)
  }
  return ok({ text, header, claims, signatureLength: signature.length })
}

function malformed(option: string): Outcome<never> {
  return badInput(
    'token-malformed',
    option,
    'no compact JWS: three parts, the first two JSON objects in base64url',
  )
}

function tokenIn(bytes: Uint8Array): string | undefined {
  const json = jsonOf(bytes, jsonLimits)
  const answer = Object(json.ok ? json.value : undefined) as Readonly<Record<string, unknown>>
  return members.map((name) => answer[name]).find((value) => typeof value === 'string')
}

function objectIn(encoded: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = bytesOfBase64Url(encoded)
  const json = bytes && jsonOf(bytes, jsonLimits)
  if (json?.ok !== true) return undefined
  const { value } = json
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : undefined
}

const jsonLimits = {
  bytesMax: 2 * tokenLimits.denyListCharactersMax,
  depthMax: tokenLimits.depthMax,
}
