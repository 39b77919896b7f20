import { OperationOutcomeError, validateResource } from '@medplum/core'
import type { OperationOutcomeIssue, Resource, ResourceType } from '@medplum/fhirtypes'
import { ok, type Problem, type Result } from '@sealward/attestation/bytes'
import { loadDefinitions } from './definitions.ts'

/** A resource was refused; `issues` say where, for the one who sent it. Never to be logged. */
export interface ResourceProblem extends Problem<'resource-invalid' | 'wrong-resource-type'> {
  readonly issues: readonly OperationOutcomeIssue[]
}

/** The resource of a type. */
export type ResourceOf<T extends ResourceType> = Extract<Resource, { resourceType: T }>

/**
 * Reads `json` as a FHIR R4 resource of `type`.
 *
 * Unlike the library below, which only returns some violations and leaves bindings alone, this
 * refuses every violation: structure, invariants, choice and reference types, required bindings.
 *
 * @returns the resource, or `wrong-resource-type` or `resource-invalid` with an issue for each place.
 * @see FHIR R4, 2.1.17 Validating Resources
 */
export function parseResource<const T extends ResourceType>(
  type: T,
  json: unknown,
): Result<ResourceOf<T>, ResourceProblem> {
  const codes = loadDefinitions()
  if (typeof json !== 'object' || json === null || !('resourceType' in json)) {
    return refused('wrong-resource-type', [
      issueAt('resourceType', 'structure', 'A resource says its type.'),
    ])
  }
  if (json.resourceType !== type) {
    return refused('wrong-resource-type', [
      issueAt('resourceType', 'structure', `A ${type} was expected here.`),
    ])
  }
  const resource = json as ResourceOf<T>
  const tokens: NonNullable<Collected['tokens']> = {}
  const issues: OperationOutcomeIssue[] = []
  try {
    issues.push(...validateResource(resource, { collect: { tokens } }))
  } catch (error) {
    if (!(error instanceof OperationOutcomeError)) throw error
    issues.push(...(error.outcome.issue ?? []))
  }
  for (const [valueSet, values] of Object.entries(tokens)) {
    const listed = codes.get(valueSet)
    if (listed === undefined) continue
    for (const { path, value } of values) {
      if (isListed(value, listed)) continue
      issues.push(issueAt(path, 'code-invalid', 'The code is not one of the required value set.'))
    }
  }
  return issues.length === 0 ? ok(resource) : refused('resource-invalid', issues)
}

type Collected = NonNullable<NonNullable<Parameters<typeof validateResource>[1]>['collect']>

function isListed(value: unknown, listed: ReadonlySet<string>): boolean {
  if (typeof value === 'string') return listed.has(value)
  if (typeof value !== 'object' || value === null) return false
  if ('coding' in value && Array.isArray(value.coding)) {
    return value.coding.some((one) => isListed(one, listed))
  }
  // A concept told in words alone has no code to be looked up.
  if (!('code' in value)) return !('system' in value)
  return typeof value.code === 'string' && listed.has(value.code)
}

function issueAt(
  expression: string,
  code: NonNullable<OperationOutcomeIssue['code']>,
  diagnostics: string,
): OperationOutcomeIssue {
  return { severity: 'error', code, diagnostics, expression: [expression] }
}

function refused(
  code: 'resource-invalid' | 'wrong-resource-type',
  issues: readonly OperationOutcomeIssue[],
): { readonly ok: false; readonly problem: ResourceProblem } {
  return {
    ok: false,
    problem: {
      code,
      at: issues[0]?.expression?.[0] ?? 'resourceType',
      detail: 'The resource does not meet FHIR R4.',
      issues: issues.map((issue) => ({ ...issue, severity: 'error' })),
    },
  }
}
