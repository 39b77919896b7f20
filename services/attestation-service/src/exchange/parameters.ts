import { ok, type Problem, type Result, refuse, textOf } from '@sealward/attestation/bytes'
import { limits } from '../limits.ts'

/** What an OAuth endpoint is sent, each parameter once (RFC 6749, section 3.2). */
export type Parameters = ReadonlyMap<string, string>

/**
 * Reads a form.
 *
 * @returns the parameters, or `parameters-malformed`.
 */
export function parseParameters(
  body: Uint8Array,
): Result<Parameters, Problem<'parameters-malformed'>> {
  const text = textOf(body)
  if (text === undefined) return refuse('parameters-malformed', '@0x0', 'not UTF-8')
  const parameters = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(text)) {
    if (parameters.has(name)) {
      return refuse('parameters-malformed', '@0x0', 'a parameter occurs twice')
    }
    parameters.set(name, value)
    if (parameters.size > limits.parametersMax) {
      return refuse('parameters-malformed', '@0x0', `more than ${limits.parametersMax} parameters`)
    }
  }
  return ok(parameters)
}

/** Parameters that must be there, or `parameter-missing` at the first that is not. */
export function requiredIn<const Name extends string>(
  parameters: Parameters,
  names: readonly Name[],
): Result<Readonly<Record<Name, string>>, Problem<'parameter-missing'>> {
  const missing = names.find((name) => (parameters.get(name) ?? '') === '')
  if (missing !== undefined) return refuse('parameter-missing', missing, `${missing} is missing`)
  const entries = names.map((name) => [name, parameters.get(name) ?? ''] as const)
  return ok(Object.fromEntries(entries) as Record<Name, string>)
}

export const jwtType = 'urn:ietf:params:oauth:token-type:jwt'
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
