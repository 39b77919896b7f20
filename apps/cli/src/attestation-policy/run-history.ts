import { ok } from '@sealward/attestation/bytes'
import { plain } from '../attest/ask-service.ts'
import type { ExitCode, Outcome } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import { ask, malformed, openAdministered, type ServiceFlags } from './administer.ts'
import { type Printed, printed } from './printed.ts'

export interface HistoryFlags extends ServiceFlags {
  readonly type: string
  readonly limit: number
}

/** `sealward attestation policy history`: the newest first. */
export function runHistory(surroundings: Surroundings, flags: HistoryFlags): Promise<ExitCode> {
  return printed(surroundings, flags, () =>
    listed(surroundings, flags, `/policies/${flags.type}/history?limit=${flags.limit}`, eventLine),
  )
}

/** `sealward attestation policy approvals`: what waits. */
export function runApprovals(surroundings: Surroundings, flags: ServiceFlags): Promise<ExitCode> {
  return printed(surroundings, flags, () => listed(surroundings, flags, '/approvals', approvalLine))
}

type Fields = Readonly<Record<string, unknown>>

async function listed(
  surroundings: Surroundings,
  flags: ServiceFlags,
  path: string,
  lineOf: (fields: Fields) => string,
): Promise<Outcome<Printed>> {
  const administered = await openAdministered(surroundings, flags)
  if (!administered.ok) return administered
  const answer = await ask(administered.value, { method: 'GET', path })
  if (!answer.ok) return answer
  const { value } = answer.value
  if (!Array.isArray(value)) return malformed('it did not answer with a list')
  return ok({
    json: answer.value,
    out: value.map((fields: unknown) => `${lineOf(Object(fields))}\n`).join(''),
    err: value.length === 0 ? 'Nothing.\n' : '',
  })
}

function eventLine(fields: Fields): string {
  const { action, actor, approval, at, number, policyHash, problem, version } = fields
  return words(
    String(number).padStart(5),
    instantOf(at),
    String(plain(action) ?? '').padEnd(8),
    version === undefined ? '' : `version ${Number(version)}`,
    plain(problem) ?? '',
    plain(policyHash) ?? '',
    `by ${whoIs(actor)}`,
    approval === undefined ? '' : `approval ${plain(approval)}`,
  )
}

function approvalLine(fields: Fields): string {
  const { action, certificateThumbprint, expiresAt, id, proposer, type } = fields
  return words(
    plain(id) ?? '',
    plain(action) ?? '',
    plain(type) ?? plain(certificateThumbprint) ?? '',
    `by ${whoIs(proposer)}`,
    `until ${instantOf(expiresAt)}`,
  )
}

function words(...list: readonly string[]): string {
  return list.filter((word) => word !== '').join('  ')
}

function whoIs(actor: unknown): string {
  const { kind, subject, issuer, thumbprint } = Object(actor) as Fields
  switch (kind) {
    case 'person':
      return `${plain(subject) ?? '?'} of ${plain(issuer) ?? '?'}`
    case 'signer':
      return `the signer ${plain(thumbprint) ?? '?'}`
    default:
      return 'the operator'
  }
}

function instantOf(seconds: unknown): string {
  const date = new Date(1000 * Number(seconds))
  return Number.isNaN(date.getTime()) ? '?' : date.toISOString().replace('.000Z', 'Z')
}
