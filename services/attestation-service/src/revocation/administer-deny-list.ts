/**
 * What administrators ask of the deny list. A denial waits for no second person: it is for when time counts.
 *
 * @see docs/spec/deny-list.md
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { Person } from '../administration/actor.ts'
import type {
  AdministrationDeps,
  AdministrationHandler,
  AdministrationRequest,
} from '../administration/administration-request.ts'
import { authorize } from '../administration/authorize.ts'
import { administrationRefusal } from '../administration/refusal.ts'
import type { Answer } from '../answer.ts'
import { parseDenyRequest } from './deny-entry.ts'
import { isAdministered, type StoredDenials } from './stored-denials.ts'

/** `POST /deny-list:add`: `{kind, value, reason}`. */
export const addDenial: AdministrationHandler = (deps, request) => change(deps, request, 'deny')

/** `POST /deny-list:remove`: the same; the reason is of the removal. */
export const removeDenial: AdministrationHandler = (deps, request) => change(deps, request, 'allow')

/** `GET /deny-list/entries`: those of now, with who, when and why. */
export const listDenials: AdministrationHandler = async (deps, request) => {
  const administered = await administeredBy(deps, request, 'reader')
  return answerOf(deps, administered.ok ? await administered.value.denials.entries() : administered)
}

/** `GET /deny-list/history`: the latest changes, the last first. */
export const getDenialHistory: AdministrationHandler = async (deps, request) => {
  const administered = await administeredBy(deps, request, 'reader')
  if (!administered.ok) return answerOf(deps, administered)
  const changes = await administered.value.denials.history()
  return answerOf(deps, changes.ok ? ok({ changes: changes.value }) : changes)
}

async function change(
  deps: AdministrationDeps,
  request: AdministrationRequest,
  action: 'deny' | 'allow',
): Promise<Answer> {
  const administered = await administeredBy(deps, request, 'contributor')
  if (!administered.ok) return answerOf(deps, administered)
  const { by, denials } = administered.value
  const what = parseDenyRequest(request.body)
  return answerOf(deps, what.ok ? await denials[action](by, what.value) : what)
}

async function administeredBy(
  { instance }: AdministrationDeps,
  { authorization }: AdministrationRequest,
  need: 'reader' | 'contributor',
): Promise<Result<{ readonly by: Person; readonly denials: StoredDenials }, Problem>> {
  const { administration, denials } = instance
  if (administration.mode === 'shared' || !isAdministered(denials)) {
    return refuse('instance-shared', 'path', 'nobody administers a shared instance')
  }
  const by = await authorize(administration, authorization, need)
  return by.ok ? ok({ by: by.value, denials }) : by
}

function answerOf({ instance }: AdministrationDeps, result: Result<object, Problem>): Answer {
  return result.ok
    ? { status: 200, body: result.value }
    : administrationRefusal(result.problem, instance.issuer)
}
