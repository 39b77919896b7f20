import { bytesOfBase64Url, jsonOf, ok, reading, textOf } from '@sealward/attestation/bytes'
import { type Policy, parsePolicy, policyLimits } from '@sealward/attestation/policy'
import { bytesIn } from '../evidence/read-file.ts'
import { limits } from '../limits.ts'
import { badInput, type CommandProblem, type Outcome } from '../problem.ts'
import type { PolicySurroundings } from './surroundings.ts'

/** A policy, and how its file has it. */
export interface ReadPolicy {
  readonly policy: Policy
  readonly form: 'text' | 'jws'
}

/** Why a file is no policy; where it has the text of one, that text, for its line to be shown. */
export interface PolicyProblem extends CommandProblem {
  readonly text?: string
}

export type PolicyOutcome =
  | { readonly ok: true; readonly value: ReadPolicy }
  | { readonly ok: false; readonly problem: PolicyProblem }

/**
 * Reads and parses a policy.
 *
 * @returns the policy; `file-unreadable`, `file-too-large`, `policy-unreadable` (no UTF-8, or a JWS without a
 *   policy), or a code of `parsePolicy` with its `line:col`.
 */
export async function readPolicy(file: string, argument: string): Promise<PolicyOutcome> {
  const bytes = await bytesIn(file, argument)
  if (!bytes.ok) return bytes
  const content = textOf(bytes.value)
  if (content === undefined) return badInput('policy-unreadable', argument, 'not UTF-8')
  const form = /^\s*[\w-]+\.[\w-]*\.[\w-]*\s*$/.test(content) ? 'jws' : 'text'
  const text = form === 'jws' ? textInJws(content.trim(), argument) : ok(content)
  if (!text.ok) return text
  const policy = parsePolicy(text.value)
  if (policy.ok) return ok({ policy: policy.value, form })
  return { ok: false, problem: { kind: 'input', ...policy.problem, text: text.value } }
}

/** The text that a JWS carries as `AttestationPolicy`, by nobody's word. */
function textInJws(jws: string, argument: string): Outcome<string> {
  const none = badInput('policy-unreadable', argument, 'a JWS that carries no AttestationPolicy')
  const payload = bytesOfBase64Url(jws.split('.')[1] ?? '')
  if (payload === undefined) return none
  const json = jsonOf(payload, { bytesMax: limits.evidenceBytesMax, depthMax: limits.depthMax })
  if (!json.ok) return none
  const encoded = reading(json.value, '', (top) =>
    top.object('ignored', (fields) =>
      fields.required('AttestationPolicy').string(4 * policyLimits.charactersMax),
    ),
  )
  const bytes = encoded.ok ? bytesOfBase64Url(encoded.value) : undefined
  const text = bytes && textOf(bytes)
  return text === undefined ? none : ok(text)
}

/** Says why a file is no policy, with its line and a mark under the column. Exit code 2. */
export function unreadablePolicy(
  { err }: PolicySurroundings,
  file: string,
  { code, at, detail, text }: PolicyProblem,
): 2 {
  const place = text === undefined ? file : `${file}:${at}`
  err(`Not possible: ${code} (${place}): ${detail}\n`)
  if (text !== undefined) err(markedLine(text, at))
  return 2
}

const lineCharactersMax = 100

/** The line of a place, and a mark under its column. Long lines are cut around it. */
export function markedLine(text: string, at: string): string {
  const [lineNumber = 1, column = 1] = at.split(':').map(Number)
  const line = (text.split('\n')[lineNumber - 1] ?? '').replaceAll(
    /[^\x20-\x7e\u00a0-\uffff]/g,
    ' ',
  )
  const start = Math.max(0, column - 1 - lineCharactersMax / 2)
  const shown = line.slice(start, start + lineCharactersMax)
  const [before, after] = [start > 0 ? '…' : '', start + lineCharactersMax < line.length ? '…' : '']
  const margin = `  ${lineNumber} | `
  return `${margin}${before}${shown}${after}\n${' '.repeat(margin.length + before.length + column - 1 - start)}^\n`
}
