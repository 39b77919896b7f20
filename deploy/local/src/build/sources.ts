import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the project. */
export const projectRoot: string = fileURLToPath(new URL('../../../..', import.meta.url)).replace(
  /\/$/,
  '',
)

const leftOut = new Set(['node_modules', 'dist', '.vite'])

/**
 * SHA-256 over every source file below `places` (paths from the project's root), tests left out.
 * Two equal digests mean that a build would give the same files.
 */
export function digestOfSources(places: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of places.flatMap((place) => filesBelow(join(projectRoot, place))).sort()) {
    const content = readFileSync(file)
    hash.update(`${relative(projectRoot, file)}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

function filesBelow(place: string): readonly string[] {
  const stats = statSync(place, { throwIfNoEntry: false })
  if (stats === undefined) return []
  if (stats.isFile()) return /\.test\.tsx?$/.test(place) ? [] : [place]
  return readdirSync(place)
    .filter((name) => !leftOut.has(name))
    .flatMap((name) => filesBelow(join(place, name)))
}
