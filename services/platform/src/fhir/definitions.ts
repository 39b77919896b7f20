import { readFileSync } from 'node:fs'
import { indexStructureDefinitionBundle } from '@medplum/core'
import type { DefinitionLine } from './generate-definitions.ts'

/** Codes of the required bindings, by the value set's address as a StructureDefinition gives it. */
export type RequiredCodes = ReadonlyMap<string, ReadonlySet<string>>

let loaded: RequiredCodes | undefined

/**
 * Loads FHIR R4's definitions once per process, about 0.5 MB, from `definitions.ndjson` beside this
 * module (beside `main.js` when built).
 *
 * @returns the codes of required bindings. Structures go where `@medplum/core` keeps them.
 */
export function loadDefinitions(): RequiredCodes {
  if (loaded !== undefined) return loaded
  const lines = readFileSync(new URL('./definitions.ndjson', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as DefinitionLine)
  indexStructureDefinitionBundle(
    lines.flatMap((line) => ('structure' in line ? [line.structure] : [])),
  )
  loaded = new Map(
    lines.flatMap((line) =>
      'valueSet' in line ? [[line.valueSet, new Set(Object.values(line.codes).flat())]] : [],
    ),
  )
  return loaded
}
