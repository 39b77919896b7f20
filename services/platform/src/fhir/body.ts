import type { ResourceType } from '@medplum/fhirtypes'
import { jsonOf, ok, type Result } from '@sealward/attestation/bytes'
import { resourceBytesMax, resourceDepthMax } from '../limits.ts'
import type { PlatformProblem } from '../problems.ts'
import { parseResource, type ResourceOf } from './parse-resource.ts'

/**
 * Reads a request body as JSON.
 *
 * @returns the value, or `body-malformed`, `too-large`.
 */
export function jsonBody(body: Uint8Array): Result<unknown, PlatformProblem> {
  const value = jsonOf(body, { bytesMax: resourceBytesMax, depthMax: resourceDepthMax })
  if (value.ok) return value
  const { code, at, detail } = value.problem
  return {
    ok: false,
    problem: { code: code === 'json-too-large' ? 'too-large' : 'body-malformed', at, detail },
  }
}

/**
 * Reads a request body as a resource of `type`, after `complete` has filled in what we know better.
 *
 * @returns the resource, or `body-malformed`, `too-large`, `wrong-resource-type`, `resource-invalid`.
 */
export function resourceBody<const T extends ResourceType>(
  type: T,
  body: Uint8Array,
  complete: (given: Readonly<Record<string, unknown>>) => object = (given) => given,
): Result<ResourceOf<T>, PlatformProblem> {
  const json = jsonBody(body)
  if (!json.ok) return json
  const given = json.value
  const completed =
    typeof given === 'object' && given !== null && !Array.isArray(given)
      ? complete(given as Readonly<Record<string, unknown>>)
      : given
  const resource = parseResource(type, completed)
  return resource.ok ? ok(resource.value) : resource
}

/** What a client sends, without the id and the version, which are ours to give. */
export function withoutOurs(
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(given).filter(([name]) => name !== 'id' && name !== 'meta'),
  )
}
