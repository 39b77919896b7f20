import {
  diffPolicies,
  isSamePolicy,
  type NamedClaims,
  type PolicyDiff,
  policyLimits,
} from '@sealward/attestation/policy'
import { badInput, type ExitCode } from '../problem.ts'
import { readClaims } from './read-claims.ts'
import { readPolicy } from './read-policy.ts'
import type { PolicySurroundings } from './surroundings.ts'
import { unreadable } from './unreadable.ts'

export interface DiffFlags {
  readonly claims?: readonly string[]
  readonly json?: true
}

/** `sealward policy diff`. */
export async function runDiff(
  surroundings: PolicySurroundings,
  before: string,
  after: string,
  flags: DiffFlags,
): Promise<ExitCode> {
  const files = [before, after, ...(flags.claims ?? [])]
  if (files.filter((file) => file === '-').length > 1) {
    const { problem } = badInput('usage', '-', 'standard input has one thing only')
    return unreadable(surroundings, '-', problem, flags)
  }
  const old = await readPolicy(before, 'BEFORE')
  if (!old.ok) return unreadable(surroundings, before, old.problem, flags)
  const now = await readPolicy(after, 'AFTER')
  if (!now.ok) return unreadable(surroundings, after, now.problem, flags)
  const named: NamedClaims[] = []
  for (const file of flags.claims ?? []) {
    const claims = await readClaims(file, '--claims')
    if (!claims.ok) return unreadable(surroundings, file, claims.problem, flags)
    named.push({ name: file, claims: claims.value })
  }
  const diff = diffPolicies(old.value.policy, now.value.policy, named, policyLimits)
  surroundings.out(flags.json === true ? `${JSON.stringify(diff)}\n` : textOf(diff, named.length))
  return isSamePolicy(diff) ? 0 : 1
}

function textOf(diff: PolicyDiff, claimSets: number): string {
  const { version, sections, decisions } = diff
  if (isSamePolicy(diff)) {
    return `No difference${claimSets > 0 ? `, nor over ${claimSets} sets of claims` : ''}.\n`
  }
  return [
    ...(version === undefined ? [] : [`version ${version.before} -> ${version.after}\n`]),
    ...sections.flatMap(({ section, added, removed, changed, reordered }) => [
      `${section}\n`,
      ...removed.map(({ at, text }) => `  - ${at}  ${text}\n`),
      ...added.map(({ at, text }) => `  + ${at}  ${text}\n`),
      ...changed.flatMap((change) => [
        `  - ${change.before.at}  ${change.before.text}\n`,
        `  + ${change.after.at}  ${change.after.text} (changed)\n`,
      ]),
      ...(reordered ? ['  the rules that both have are in another order\n'] : []),
    ]),
    ...decisions.flatMap(({ name, before, after, issuedAdded, issuedRemoved }) => [
      `${name}: ${before === after ? before : `${before} -> ${after}`}\n`,
      ...issuedRemoved.map(({ type, value }) => `  - ${type} = ${JSON.stringify(value)}\n`),
      ...issuedAdded.map(({ type, value }) => `  + ${type} = ${JSON.stringify(value)}\n`),
    ]),
    ...(claimSets > 0 && decisions.length === 0
      ? [`Over ${claimSets} sets of claims nothing changes.\n`]
      : []),
  ].join('')
}
