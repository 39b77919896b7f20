/**
 * What administrators ask of the deny list.
 *
 * @see docs/spec/deny-list.md
 * @module
 */

import type { Problem, Result } from '@sealward/attestation/bytes'
import { type Answer, azureRefusal } from '../answer.ts'
import { isStoreProblem } from './denials.ts'
import { type Administrator, parseDenyRequest } from './deny-entry.ts'
import type { DenyEntries, StoredDenials } from './stored-denials.ts'

/** `POST /deny-list:add` and `:remove`. */
export async function changeDenyList(
  denials: StoredDenials,
  action: 'deny' | 'allow',
  by: Administrator,
  body: Uint8Array,
): Promise<Answer> {
  const request = parseDenyRequest(body)
  return request.ok
    ? answerOf(await denials[action](by, request.value))
    : refusalOf(request.problem)
}

/** `GET /deny-list/entries`: those of now, with who, when and why. */
export async function readDenyEntries(denials: StoredDenials): Promise<Answer> {
  return answerOf(await denials.entries())
}

/** `GET /deny-list/history`: the latest changes, the last first. */
export async function readDenyHistory(denials: StoredDenials): Promise<Answer> {
  const changes = await denials.history()
  return changes.ok ? { status: 200, body: { changes: changes.value } } : refusalOf(changes.problem)
}

function answerOf(result: Result<DenyEntries, Problem>): Answer {
  return result.ok ? { status: 200, body: result.value } : refusalOf(result.problem)
}

function refusalOf(problem: Problem): Answer {
  return isStoreProblem(problem)
    ? azureRefusal(503, 'ServiceUnavailable', problem.detail, problem)
    : azureRefusal(400, 'InvalidParameter', problem.detail, problem)
}
