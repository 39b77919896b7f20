/**
 * Captured evidence of real platforms, which is not part of this repository.
 *
 * The folder is `../shared` beside the repository, or what SEALWARD_SHARED names. See its `vectors/README.md`.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const repository = resolve(import.meta.dirname, '../../../../..')

const folder = join(process.env['SEALWARD_SHARED'] ?? resolve(repository, '../shared'), 'vectors')

export const hasVectors: boolean = existsSync(join(folder, 'tdx'))

/** A file of `vectors/`. */
export function vector(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, path)))
}
