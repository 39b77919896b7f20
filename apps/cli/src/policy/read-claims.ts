/**
 * Claims in the forms that people have them, believed by nobody.
 *
 * @module
 */

import {
  bytesOfBase64Url,
  jsonOf,
  type Problem,
  type Result,
  reading,
  type Shape,
  type ShapeCode,
  textOf,
} from '@sealward/attestation/bytes'
import { incomingClaims, type PolicyClaim, policyLimits } from '@sealward/attestation/policy'
import { bytesIn } from '../evidence/read-file.ts'
import { limits } from '../limits.ts'
import { badInput, type Outcome } from '../problem.ts'
import { claimsOfInspection } from './inspected-claims.ts'

/** Reads claims from a file: `claims-unreadable` where it has none of the forms. */
export async function readClaims(
  file: string,
  option: string,
): Promise<Outcome<readonly PolicyClaim[]>> {
  const bytes = await bytesIn(file, option)
  if (!bytes.ok) return bytes
  const text = textOf(bytes.value)?.trim()
  if (text === undefined) return badInput('claims-unreadable', option, 'not UTF-8')
  const token = /^([\w-]+)\.([\w-]+)\.[\w-]*$/.exec(text)?.[2]
  const payload = token === undefined ? bytes.value : bytesOfBase64Url(token)
  if (payload === undefined) return badInput('claims-unreadable', option, 'no token')
  const json = jsonOf(payload, { bytesMax: limits.evidenceBytesMax, depthMax: limits.depthMax })
  if (!json.ok) {
    return badInput('claims-unreadable', option, `JSON or a token expected: ${json.problem.code}`)
  }
  const claims = claimsOfJson(json.value, '')
  if (claims.ok) return claims
  const { at, detail } = claims.problem
  return badInput('claims-unreadable', `${option} ${at}`.trim(), detail)
}

/**
 * Claims in JSON: an object by their names, a list, or what an inspection printed.
 *
 * @param at - the path to call the top.
 */
export function claimsOfJson(
  json: unknown,
  at: string,
): Result<readonly PolicyClaim[], Problem<ShapeCode>> {
  return reading(json, at, (top) => {
    if (Array.isArray(json)) {
      const values = json as readonly { readonly value?: unknown }[]
      let index = 0
      return top.list(policyLimits.claimsMax, (item) => listedClaim(item, values[index++]?.value))
    }
    // Only that it is an object is asked here: any name may be a claim's.
    top.object('ignored', () => undefined)
    const fields = json as Readonly<Record<string, unknown>>
    return claimsOfInspection(fields) ?? incomingClaims(withoutTokens(fields))
  })
}

function listedClaim(item: Shape, value: unknown): PolicyClaim {
  return item.object('refused', (fields) => {
    const shape = fields.required('value')
    const issuer = fields
      .optional('issuer')
      ?.oneOf(['AttestationService', 'AttestationPolicy', 'CustomClaim'])
    const isValue =
      typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)
    return {
      type: fields.required('type').string(policyLimits.literalCharactersMax),
      value: isValue
        ? (value as PolicyClaim['value'])
        : shape.fail('wrong-type', 'text, an integer, true or false expected'),
      ...(issuer === undefined ? {} : { issuer }),
    }
  })
}

/** A token's payload without what is the token's own, and without what a policy issued into it. */
function withoutTokens(
  claims: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const issued = claims['x-ms-policy']
  const names = new Set([
    ...tokenNames,
    ...(typeof issued === 'object' && issued !== null ? Object.keys(issued) : []),
  ])
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !names.has(name)))
}

const tokenNames = ['iss', 'iat', 'nbf', 'exp', 'jti', 'x-ms-policy', 'x-ms-policy-hash']
