import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'

/** `<repository>/<type>/<tag>`, each as the reference has it: no dot in front, so no way up. */
export type ResourcePath = string & { readonly resourcePath: unique symbol }

/** What holds for all resources: the place of a policy, and never of a resource. */
export const everyResource = '*'

/** @returns the path, or `kbs-path-malformed`. */
export function resourcePathOf(
  segments: readonly string[],
): Result<ResourcePath, Problem<'kbs-path-malformed'>> {
  const isPath = segments.length === 3 && segments.every((segment) => segmentForm.test(segment))
  return isPath
    ? ok(segments.join('/') as ResourcePath)
    : refuse(
        'kbs-path-malformed',
        'path',
        `A resource is <repository>/<type>/<tag>, each of 1 to ${limits.segmentCharactersMax} letters, digits, hyphens, underscores and dots, no dot in front.`,
      )
}

const segmentForm = new RegExp(
  `^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,${limits.segmentCharactersMax - 1}}$`,
)
