import { jsonOf, ok, type Problem, reading, type Shape } from '@sealward/attestation/bytes'
import {
  evaluatePolicy,
  explainPolicy,
  headlineOf,
  type Policy,
  type PolicyClaim,
  policyLimits,
  type Verdict,
} from '@sealward/attestation/policy'
import { bytesIn } from '../evidence/read-file.ts'
import { limits } from '../limits.ts'
import { badInput, type ExitCode, type Outcome } from '../problem.ts'
import { claimsOfJson } from './read-claims.ts'
import { readPolicy } from './read-policy.ts'
import type { PolicySurroundings } from './surroundings.ts'
import { unreadable } from './unreadable.ts'

export interface TestFlags {
  readonly json?: true
}

interface TestCase {
  readonly name: string
  readonly claims: readonly PolicyClaim[]
  readonly expect: 'permit' | 'deny' | 'refuse'
  readonly issued: Readonly<Record<string, unknown>> | undefined
}

interface TestResult {
  readonly name: string
  readonly passed: boolean
  readonly verdict: Verdict
  /** Why it did not pass. */
  readonly detail: string | null
}

/** `sealward policy test`. */
export async function runTest(
  surroundings: PolicySurroundings,
  file: string,
  casesFile: string,
  flags: TestFlags,
): Promise<ExitCode> {
  if (file === '-' && casesFile === '-') {
    const { problem } = badInput('usage', 'CASES', 'standard input has one thing only')
    return unreadable(surroundings, '-', problem, flags)
  }
  const read = await readPolicy(file, 'FILE')
  if (!read.ok) return unreadable(surroundings, file, read.problem, flags)
  const cases = await readCases(casesFile)
  if (!cases.ok) return unreadable(surroundings, casesFile, cases.problem, flags)
  const results = cases.value.map((one) => tried(read.value.policy, one))
  const failures = results.filter(({ passed }) => !passed)
  surroundings.out(
    flags.json === true
      ? `${JSON.stringify({ passed: results.length - failures.length, failed: failures.length, results })}\n`
      : [
          ...results.map(({ name, passed, detail }) =>
            passed ? `passed  ${name}\n` : `FAILED  ${name}: ${detail}\n`,
          ),
          `${results.length - failures.length} of ${results.length} cases as expected.\n`,
        ].join(''),
  )
  return failures.length === 0 ? 0 : 1
}

function tried(policy: Policy, { name, claims, expect, issued }: TestCase): TestResult {
  const explanation = explainPolicy(policy, claims, policyLimits)
  const { verdict } = explanation
  const isExpected =
    expect === 'permit'
      ? verdict === 'permitted'
      : expect === 'deny'
        ? verdict === 'denied'
        : verdict !== 'permitted'
  if (!isExpected) {
    return {
      name,
      passed: false,
      verdict,
      detail: `${expect} expected. ${headlineOf(explanation)}`,
    }
  }
  const difference = issued === undefined ? undefined : issuedDifference(policy, claims, issued)
  return { name, passed: difference === undefined, verdict, detail: difference ?? null }
}

/** Which claim is not issued as it should be; the first. */
function issuedDifference(
  policy: Policy,
  claims: readonly PolicyClaim[],
  expected: Readonly<Record<string, unknown>>,
): string | undefined {
  const result = evaluatePolicy(policy, claims, policyLimits)
  const found = new Map<string, unknown[]>()
  for (const { type, value } of result.ok ? result.value : []) {
    found.set(type, [...(found.get(type) ?? []), value])
  }
  for (const type of new Set([...Object.keys(expected), ...found.keys()])) {
    const wanted = Object.hasOwn(expected, type) ? [expected[type]].flat() : []
    const actual = found.get(type) ?? []
    if (JSON.stringify(wanted) !== JSON.stringify(actual)) {
      return `${type} issued as ${listed(wanted)} expected, and as ${listed(actual)} found`
    }
  }
  return undefined
}

function listed(values: readonly unknown[]): string {
  return values.length === 0
    ? 'nothing'
    : values.map((value) => JSON.stringify(value).slice(0, 100)).join(', ')
}

async function readCases(file: string): Promise<Outcome<readonly TestCase[]>> {
  const bytes = await bytesIn(file, 'CASES')
  if (!bytes.ok) return bytes
  const json = jsonOf(bytes.value, { bytesMax: limits.evidenceBytesMax, depthMax: limits.depthMax })
  if (!json.ok) return unreadableCases(json.problem)
  const read = reading(json.value, 'cases', (top) => top.list(limits.policyCasesMax, readCase, 1))
  if (!read.ok) return unreadableCases(read.problem)
  const raw = json.value as readonly RawCase[]
  const cases: TestCase[] = []
  for (const [index, one] of read.value.entries()) {
    const claims = claimsOfJson(raw[index]?.claims, `cases[${index}].claims`)
    if (!claims.ok) return unreadableCases(claims.problem)
    cases.push({ ...one, claims: claims.value, issued: raw[index]?.issued })
  }
  return ok(cases)
}

/** What of a case may have any names. */
interface RawCase {
  readonly claims: unknown
  readonly issued?: Readonly<Record<string, unknown>>
}

function readCase(item: Shape): Pick<TestCase, 'name' | 'expect'> {
  return item.object('refused', (fields) => {
    fields.required('claims')
    fields.optional('issued')?.object('ignored', () => undefined)
    return {
      name: fields.required('name').string(nameCharactersMax, printable),
      expect: fields.required('expect').oneOf(['permit', 'deny', 'refuse']),
    }
  })
}

const nameCharactersMax = 200
/** Nothing that could steer a terminal. */
const printable = /^[^\p{Cc}]+$/u

function unreadableCases({ at, detail }: Problem): Outcome<never> {
  return badInput('cases-unreadable', `CASES ${at}`, at === '' ? detail : `${at}: ${detail}`)
}
