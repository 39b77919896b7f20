import type { Problem } from '@sealward/attestation/bytes'
import { apiVersionIn, apiVersions } from '../api-version.ts'
import { limits } from './limits.ts'

/** Why a query does not say which contract is spoken; `undefined` where it does. */
export function apiVersionProblem(query: unknown): Problem | undefined {
  if (apiVersionIn(query) !== undefined) return undefined
  const isThere = Object.hasOwn(Object(query) as object, 'api-version')
  return {
    code: isThere ? 'api-version-unknown' : 'api-version-missing',
    at: 'api-version',
    detail: `The query has an api-version: one of ${apiVersions.join(', ')}.`,
  }
}

/** Why a path names no key, or no version of one, that there could be. */
export function nameProblem(parameters: unknown): Problem | undefined {
  const { name = '', version = '' } = Object(parameters) as {
    readonly name?: string
    readonly version?: string
  }
  if (version !== '' && !versionForm.test(version)) {
    return {
      code: 'key-version-unknown',
      at: 'path',
      detail: 'The key has no version of this name.',
    }
  }
  if (name === '' || nameForm.test(name)) return undefined
  return {
    code: 'key-name-malformed',
    at: 'path',
    detail: `A key’s name has at most ${limits.nameCharactersMax} letters, digits and hyphens.`,
  }
}

const versionForm = /^[0-9A-Za-z]{1,64}$/
const nameForm = new RegExp(`^[0-9A-Za-z-]{1,${limits.nameCharactersMax}}$`)
