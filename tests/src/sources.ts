import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const projectRoot: string = fileURLToPath(new URL('../..', import.meta.url)).replace(
  /\/$/,
  '',
)

/** One source file of the project, tests left out. */
export interface Source {
  /** From the project's root, with `/`. */
  readonly path: string
  readonly text: string
  /** What it imports or re-exports, as written. */
  readonly imports: readonly string[]
}

const leftOut = new Set(['node_modules', 'dist', 'dist.new', 'testing', '.vite'])

/** Every TypeScript file below `folder` that is neither a test nor in a folder of tests' tools. */
export function sourcesBelow(folder: string): readonly Source[] {
  return readdirSync(join(projectRoot, folder), { withFileTypes: true })
    .filter((entry) => !leftOut.has(entry.name))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) return sourcesBelow(path)
      return /\.tsx?$/.test(entry.name) && !/\.(test|e2e|fixtures)\.tsx?$/.test(entry.name)
        ? [readSource(path)]
        : []
    })
}

function readSource(path: string): Source {
  const text = readFileSync(join(projectRoot, path), 'utf8')
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g,
  )
  return {
    path: relative('.', path),
    text,
    imports: [...found].map((match) => match[1] ?? match[2] ?? ''),
  }
}
